//! The expression language of measures: closed, typed, over the columns of one fact.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | comparison
//! comparison = sum [ ("=" | "!=" | "<" | "<=" | ">" | ">=") sum
//!                  | ["not"] "in" "(" literal { "," literal } ")"
//!                  | ["not"] "between" sum "and" sum          both ends included
//!                  | "is" ["not"] "null" ]
//! sum        = product { ("+" | "-") product }
//! product    = value { "*" value }
//! value      = number | 'text' | true | false | day '2026-01-31' | instant '2026-01-31 08:00'
//!            | column | minutes_between(from, to) | day_of(instant) | "-" value | "(" or ")"
//! ```
//! A quote inside a text is doubled. There is no division: a ratio keeps its numerator and its denominator.
//!
//! Kinds never mix by themselves: instants compare with instants, minutes with minutes or a plain number, and
//! `instant + number` adds minutes. `minutes_between` cuts to whole minutes towards zero, so a limit is written with
//! instants (`done_at <= asked_at + 10`): a second too late is then too late.
//!
//! Nulls follow three-valued logic (Kleene): a comparison with a missing field is unknown; `false and unknown` is false,
//! `true or unknown` is true, every other mix with unknown is unknown; `is null` is always true or false. A result that
//! does not fit 64 bits is missing.
//!
//! Source: the three-valued tables are those of SQL.

use std::borrow::Cow;

use yiti_kernel::civil::{Date, DateTime};
use yiti_kernel::time;

use crate::fact::{Batch, Data, Fact, Kind, NO_TEXT, number_of_day};

const TEXT_CHARS_MAX: usize = 4_000;
const DEPTH_MAX: usize = 40;
const TOKENS_MAX: usize = 600;

const MICROS_OF_A_MINUTE: i64 = 60_000_000;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// An expression that is true, false or unknown for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Truth);

/// An expression that gives a whole number for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    node: Whole,
    /// [`Kind::Minutes`] or [`Kind::Integer`].
    kind: Kind,
}

/// True, false, or not known because a field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tri {
    /// It does not hold.
    False,
    /// It holds.
    True,
    /// A field is missing.
    Unknown,
}

impl Tri {
    /// Both hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            (Self::Unknown, Self::True | Self::Unknown) | (Self::True, Self::Unknown) => Self::Unknown,
        }
    }

    /// At least one holds.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// It does not hold.
    #[must_use]
    pub const fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::True => Self::False,
            Self::Unknown => Self::Unknown,
        }
    }

    const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Whole {
    Literal(i64),
    Column(usize),
    /// Left, right times the factor: minutes added to instants are 60,000,000 microseconds.
    Add(Box<Whole>, Box<Whole>, i64),
    Times(Box<Whole>, Box<Whole>),
    Minus(Box<Whole>),
    MinutesBetween(Box<Whole>, Box<Whole>),
    DayOf(Box<Whole>),
}

#[derive(Debug, Clone, PartialEq)]
enum Text {
    Literal(String),
    Column(usize),
}

#[derive(Debug, Clone, PartialEq)]
enum Truth {
    Literal(bool),
    Column(usize),
    Compare(Order, Whole, Whole),
    Same(Text, Text),
    SameId(usize, usize),
    SameFlag(Box<Truth>, Box<Truth>),
    AnyOf(Whole, Vec<i64>),
    AnyText(usize, Vec<String>),
    NullWhole(Whole),
    NullText(Text),
    NullId(usize),
    NullFlag(Box<Truth>),
    All(Vec<Truth>),
    Any(Vec<Truth>),
    Not(Box<Truth>),
}

/// A value while it is parsed.
#[derive(Debug, Clone)]
enum Value {
    Whole(Whole, WholeKind),
    Text(Text),
    Id(usize),
    Truth(Truth),
}

/// `Plain` is a number in the text of the expression: it takes the kind of what it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WholeKind {
    Instant,
    Day,
    Minutes,
    Integer,
    Plain,
}

impl WholeKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Day => "day",
            Self::Minutes => "minutes",
            Self::Integer => "integer",
            Self::Plain => "number",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Minutes | Self::Integer | Self::Plain)
    }

    /// The common kind, when the two may be compared or added.
    fn meet(self, other: Self) -> Option<Self> {
        match (self, other) {
            _ if self == other => Some(self),
            (Self::Plain, _) if other.is_number() => Some(other),
            (_, Self::Plain) if self.is_number() => Some(self),
            _ => None,
        }
    }
}

impl Value {
    const fn word(&self) -> &'static str {
        match self {
            Self::Whole(_, kind) => kind.word(),
            Self::Text(_) => "text",
            Self::Id(_) => "id",
            Self::Truth(_) => "flag",
        }
    }
}

impl Condition {
    /// Reads a condition over the columns of `fact`.
    ///
    /// # Errors
    /// [`Mistake`], at the first place where something is wrong.
    pub fn parse(text: &str, fact: &Fact) -> Result<Self, Mistake> {
        match parse(text, fact)? {
            Value::Truth(truth) => Ok(Self(truth)),
            other => Err(Mistake { column: 1, message: format!("a condition is expected, not {}", other.word()) }),
        }
    }

    /// True, false or unknown for every row. INVARIANT: `batch` is of the fact the condition was read for.
    #[must_use]
    pub fn evaluate(&self, batch: &Batch) -> Vec<Tri> {
        truth(&self.0, batch)
    }
}

impl Number {
    /// Reads a number over the columns of `fact`.
    ///
    /// # Errors
    /// [`Mistake`], at the first place where something is wrong.
    pub fn parse(text: &str, fact: &Fact) -> Result<Self, Mistake> {
        match parse(text, fact)? {
            Value::Whole(node, WholeKind::Minutes) => Ok(Self { node, kind: Kind::Minutes }),
            Value::Whole(node, WholeKind::Integer | WholeKind::Plain) => Ok(Self { node, kind: Kind::Integer }),
            other => {
                Err(Mistake { column: 1, message: format!("minutes or an integer are expected, not {}", other.word()) })
            }
        }
    }

    /// [`Kind::Minutes`] or [`Kind::Integer`].
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The number of every row, `None` where a field is missing. INVARIANT: as for [`Condition::evaluate`].
    #[must_use]
    pub fn evaluate(&self, batch: &Batch) -> Vec<Option<i64>> {
        let wholes = whole(&self.node, batch);
        (0..batch.row_count()).map(|row| wholes.get(row)).collect()
    }
}

// ---- reading ----

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Number(i64),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 12] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*"];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    let mistake = |column: usize, message: &str| Err(Mistake { column, message: message.to_owned() });
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > TEXT_CHARS_MAX {
        return mistake(TEXT_CHARS_MAX, "the expression is too long");
    }
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let run =
            |from: usize, wanted: fn(&char) -> bool| from + chars[from..].iter().take_while(|c| wanted(c)).count();
        let token = if c.is_whitespace() {
            at += 1;
            continue;
        } else if c.is_ascii_alphabetic() || c == '_' {
            at = run(at, |c| c.is_ascii_alphanumeric() || *c == '_');
            Token::Word(chars[start..at].iter().collect())
        } else if c.is_ascii_digit() {
            at = run(at, |c| c.is_ascii_alphanumeric() || *c == '_' || *c == '.');
            match chars[start..at].iter().filter(|c| **c != '_').collect::<String>().parse() {
                Ok(number) => Token::Number(number),
                Err(_) => return mistake(start + 1, "no whole number"),
            }
        } else if c == '\'' {
            let mut content = String::new();
            loop {
                at += 1;
                match (chars.get(at), chars.get(at + 1)) {
                    (Some('\''), Some('\'')) => {
                        content.push('\'');
                        at += 1;
                    }
                    (Some('\''), _) => break,
                    (Some(c), _) => content.push(*c),
                    (None, _) => return mistake(start + 1, "the text is not closed"),
                }
            }
            at += 1;
            Token::Text(content)
        } else {
            let rest: String = chars[at..].iter().take(2).collect();
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return mistake(start + 1, &format!("`{c}` has no meaning here"));
            };
            at += sign.len();
            Token::Sign(sign)
        };
        all.push((start + 1, token));
        if all.len() > TOKENS_MAX {
            return mistake(start + 1, "the expression is too long");
        }
    }
    Ok(all)
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    end: usize,
    fact: &'a Fact,
}

fn parse(text: &str, fact: &Fact) -> Result<Value, Mistake> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, end: text.chars().count() + 1, fact };
    let value = parser.or()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => parser.fail("the expression was expected to end here"),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(column, _)| *column)
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Mistake> {
        Self::fail_at(self.column(), message)
    }

    fn fail_at<T>(column: usize, message: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { column, message: message.into() })
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), Mistake> {
        if self.take_sign(sign) { Ok(()) } else { self.fail(format!("`{sign}` is expected")) }
    }

    /// Every way down passes here, so that no text can exhaust the stack.
    fn deeper<T>(&mut self, step: fn(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        if self.depth == DEPTH_MAX {
            return self.fail("the expression is nested too deeply");
        }
        self.depth += 1;
        let value = step(self);
        self.depth -= 1;
        value
    }

    fn or(&mut self) -> Result<Value, Mistake> {
        self.deeper(|parser| parser.joined("or", Self::and, Truth::Any))
    }

    fn and(&mut self) -> Result<Value, Mistake> {
        self.joined("and", Self::not, Truth::All)
    }

    fn joined(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Value, Mistake>,
        join: fn(Vec<Truth>) -> Truth,
    ) -> Result<Value, Mistake> {
        let column = self.column();
        let first = part(self)?;
        if !self.take_word(word) {
            return Ok(first);
        }
        let mut all = vec![self.truth(column, first)?];
        loop {
            let column = self.column();
            let next = part(self)?;
            all.push(self.truth(column, next)?);
            if !self.take_word(word) {
                return Ok(Value::Truth(join(all)));
            }
        }
    }

    fn not(&mut self) -> Result<Value, Mistake> {
        if !self.take_word("not") {
            return self.comparison();
        }
        let column = self.column();
        let value = self.deeper(Self::not)?;
        Ok(Value::Truth(Truth::Not(Box::new(self.truth(column, value)?))))
    }

    fn truth(&self, column: usize, value: Value) -> Result<Truth, Mistake> {
        match value {
            Value::Truth(truth) => Ok(truth),
            other => Self::fail_at(column, format!("a condition is expected, not {}", other.word())),
        }
    }

    fn comparison(&mut self) -> Result<Value, Mistake> {
        let start = self.column();
        let left = self.sum()?;
        let column = self.column();
        if let Some(Token::Sign(sign)) = self.peek() {
            let order = match *sign {
                "=" => Order::Equal,
                "!=" => Order::Unequal,
                "<" => Order::Less,
                "<=" => Order::LessOrEqual,
                ">" => Order::Greater,
                ">=" => Order::GreaterOrEqual,
                _ => return Ok(left),
            };
            self.next += 1;
            let right = self.sum()?;
            return self.compare(column, order, left, right).map(Value::Truth);
        }
        if self.take_word("is") {
            let is_not = self.take_word("not");
            if !self.take_word("null") {
                return self.fail("`null` is expected");
            }
            let null = match left {
                Value::Whole(whole, _) => Truth::NullWhole(whole),
                Value::Text(text) => Truth::NullText(text),
                Value::Id(id) => Truth::NullId(id),
                Value::Truth(truth) => Truth::NullFlag(Box::new(truth)),
            };
            return Ok(Value::Truth(negated(is_not, null)));
        }
        let is_not = self.take_word("not");
        if self.take_word("in") {
            let any = self.any_of(start, &left)?;
            return Ok(Value::Truth(negated(is_not, any)));
        }
        if self.take_word("between") {
            let low = self.sum()?;
            if !self.take_word("and") {
                return self.fail("`and` is expected");
            }
            let high = self.sum()?;
            let ends = vec![
                self.compare(column, Order::GreaterOrEqual, left.clone(), low)?,
                self.compare(column, Order::LessOrEqual, left, high)?,
            ];
            return Ok(Value::Truth(negated(is_not, Truth::All(ends))));
        }
        if is_not { self.fail("`in` or `between` is expected") } else { Ok(left) }
    }

    fn compare(&self, column: usize, order: Order, left: Value, right: Value) -> Result<Truth, Mistake> {
        let words = (left.word(), right.word());
        let same = match (left, right) {
            (Value::Whole(l, kind), Value::Whole(r, other)) if kind.meet(other).is_some() => {
                return Ok(Truth::Compare(order, l, r));
            }
            (Value::Text(l), Value::Text(r)) => Truth::Same(l, r),
            (Value::Id(l), Value::Id(r)) => Truth::SameId(l, r),
            (Value::Truth(l), Value::Truth(r)) => Truth::SameFlag(Box::new(l), Box::new(r)),
            _ => return Self::fail_at(column, format!("{} cannot be compared with {}", words.0, words.1)),
        };
        match order {
            Order::Equal => Ok(same),
            Order::Unequal => Ok(Truth::Not(Box::new(same))),
            Order::Less | Order::LessOrEqual | Order::Greater | Order::GreaterOrEqual => {
                Self::fail_at(column, format!("{} has no order, only `=` and `!=`", words.0))
            }
        }
    }

    fn any_of(&mut self, start: usize, left: &Value) -> Result<Truth, Mistake> {
        self.need_sign("(")?;
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        loop {
            let column = self.column();
            match (left, self.value()?) {
                (Value::Whole(_, kind), Value::Whole(Whole::Literal(number), other)) if kind.meet(other).is_some() => {
                    numbers.push(number);
                }
                (Value::Text(Text::Column(_)), Value::Text(Text::Literal(text))) => texts.push(text),
                (left, _) => return Self::fail_at(column, format!("a literal {} is expected", left.word())),
            }
            if !self.take_sign(",") {
                break;
            }
        }
        self.need_sign(")")?;
        match left {
            Value::Whole(whole, _) => Ok(Truth::AnyOf(whole.clone(), numbers)),
            Value::Text(Text::Column(column)) => Ok(Truth::AnyText(*column, texts)),
            other => Self::fail_at(start, format!("{} cannot be looked up in a list", other.word())),
        }
    }

    fn sum(&mut self) -> Result<Value, Mistake> {
        let mut left = self.product()?;
        loop {
            let column = self.column();
            let sign = if self.take_sign("+") {
                1
            } else if self.take_sign("-") {
                -1
            } else {
                return Ok(left);
            };
            let right = self.product()?;
            let words = (left.word(), right.word());
            left = match (left, right) {
                (Value::Whole(l, WholeKind::Instant), Value::Whole(r, WholeKind::Minutes | WholeKind::Plain)) => {
                    let node = Whole::Add(Box::new(l), Box::new(r), sign * MICROS_OF_A_MINUTE);
                    Value::Whole(node, WholeKind::Instant)
                }
                (Value::Whole(l, WholeKind::Day), Value::Whole(r, WholeKind::Plain)) => {
                    Value::Whole(Whole::Add(Box::new(l), Box::new(r), sign), WholeKind::Day)
                }
                (Value::Whole(l, kind), Value::Whole(r, other)) if kind.is_number() && other.is_number() => {
                    match kind.meet(other) {
                        Some(meet) => Value::Whole(Whole::Add(Box::new(l), Box::new(r), sign), meet),
                        None => return Self::fail_at(column, format!("{} and {} do not add up", words.0, words.1)),
                    }
                }
                (Value::Whole(_, WholeKind::Instant), Value::Whole(_, WholeKind::Instant)) => {
                    return Self::fail_at(
                        column,
                        "the time from one instant to another is `minutes_between(from, to)`",
                    );
                }
                _ => return Self::fail_at(column, format!("{} and {} do not add up", words.0, words.1)),
            };
        }
    }

    fn product(&mut self) -> Result<Value, Mistake> {
        let mut left = self.value()?;
        loop {
            let column = self.column();
            if !self.take_sign("*") {
                return Ok(left);
            }
            let right = self.value()?;
            let words = (left.word(), right.word());
            left = match (left, right) {
                (Value::Whole(l, kind), Value::Whole(r, other))
                    if kind.is_number()
                        && other.is_number()
                        && (kind, other) != (WholeKind::Minutes, WholeKind::Minutes) =>
                {
                    let product = match (kind, other) {
                        (WholeKind::Minutes, _) | (_, WholeKind::Minutes) => WholeKind::Minutes,
                        (WholeKind::Plain, WholeKind::Plain) => WholeKind::Plain,
                        _ => WholeKind::Integer,
                    };
                    Value::Whole(Whole::Times(Box::new(l), Box::new(r)), product)
                }
                _ => return Self::fail_at(column, format!("{} and {} cannot be multiplied", words.0, words.1)),
            };
        }
    }

    fn value(&mut self) -> Result<Value, Mistake> {
        let column = self.column();
        let Some(token) = self.peek().cloned() else { return self.fail("a value is expected") };
        self.next += 1;
        match token {
            Token::Number(number) => Ok(Value::Whole(Whole::Literal(number), WholeKind::Plain)),
            Token::Text(text) => Ok(Value::Text(Text::Literal(text))),
            Token::Sign("(") => {
                let value = self.or()?;
                self.need_sign(")")?;
                Ok(value)
            }
            Token::Sign("-") => match self.deeper(Self::value)? {
                Value::Whole(Whole::Literal(number), WholeKind::Plain) => {
                    Ok(Value::Whole(Whole::Literal(-number), WholeKind::Plain))
                }
                Value::Whole(whole, kind) if kind.is_number() => Ok(Value::Whole(Whole::Minus(Box::new(whole)), kind)),
                other => Self::fail_at(column, format!("{} has no negative", other.word())),
            },
            Token::Sign(sign) => Self::fail_at(column, format!("a value is expected, not `{sign}`")),
            Token::Word(word) => self.named(column, &word),
        }
    }

    fn named(&mut self, column: usize, word: &str) -> Result<Value, Mistake> {
        let follows = self.peek().cloned();
        match (word, follows) {
            ("true", _) => Ok(Value::Truth(Truth::Literal(true))),
            ("false", _) => Ok(Value::Truth(Truth::Literal(false))),
            ("day", Some(Token::Text(text))) => {
                self.next += 1;
                match text.parse::<Date>() {
                    Ok(day) => Ok(Value::Whole(Whole::Literal(number_of_day(day)), WholeKind::Day)),
                    Err(_) => Self::fail_at(column, "a day is written day '2026-01-31'"),
                }
            }
            ("instant", Some(Token::Text(text))) => {
                self.next += 1;
                match text.parse::<DateTime>() {
                    Ok(at) => Ok(Value::Whole(Whole::Literal(time::instant(at).as_microsecond()), WholeKind::Instant)),
                    Err(_) => Self::fail_at(column, "an instant is written instant '2026-01-31 08:00'"),
                }
            }
            ("minutes_between", Some(Token::Sign("("))) => {
                self.next += 1;
                let from = self.instant()?;
                self.need_sign(",")?;
                let to = self.instant()?;
                self.need_sign(")")?;
                Ok(Value::Whole(Whole::MinutesBetween(Box::new(from), Box::new(to)), WholeKind::Minutes))
            }
            ("day_of", Some(Token::Sign("("))) => {
                self.next += 1;
                let at = self.instant()?;
                self.need_sign(")")?;
                Ok(Value::Whole(Whole::DayOf(Box::new(at)), WholeKind::Day))
            }
            ("and" | "or" | "not" | "in" | "between" | "is" | "null", _) => {
                Self::fail_at(column, format!("a value is expected, not `{word}`"))
            }
            _ => self.named_column(column, word),
        }
    }

    fn instant(&mut self) -> Result<Whole, Mistake> {
        let column = self.column();
        match self.deeper(Self::sum)? {
            Value::Whole(whole, WholeKind::Instant) => Ok(whole),
            other => Self::fail_at(column, format!("an instant is expected, not {}", other.word())),
        }
    }

    fn named_column(&self, column: usize, word: &str) -> Result<Value, Mistake> {
        let Some(place) = self.fact.position(word) else {
            let names: Vec<&str> = self.fact.columns.iter().map(|column| column.name).collect();
            let message = format!("fact `{}` has no column `{word}`, only {}", self.fact.name, names.join(", "));
            return Self::fail_at(column, message);
        };
        Ok(match self.fact.columns[place].kind {
            Kind::Instant => Value::Whole(Whole::Column(place), WholeKind::Instant),
            Kind::Day => Value::Whole(Whole::Column(place), WholeKind::Day),
            Kind::Minutes => Value::Whole(Whole::Column(place), WholeKind::Minutes),
            Kind::Integer => Value::Whole(Whole::Column(place), WholeKind::Integer),
            Kind::Text => Value::Text(Text::Column(place)),
            Kind::Id => Value::Id(place),
            Kind::Flag => Value::Truth(Truth::Column(place)),
        })
    }
}

fn negated(is_not: bool, truth: Truth) -> Truth {
    if is_not { Truth::Not(Box::new(truth)) } else { truth }
}

// ---- evaluating ----

/// Whole numbers of all rows.
enum Wholes<'a> {
    /// The same for every row.
    Same(i64),
    /// Values and presence, [row] each.
    Each(Cow<'a, [i64]>, Cow<'a, [bool]>),
}

impl Wholes<'_> {
    fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Same(value) => Some(*value),
            Self::Each(values, present) => present[row].then(|| values[row]),
        }
    }

    fn of(all: impl Iterator<Item = Option<i64>>) -> Self {
        let (values, present): (Vec<i64>, Vec<bool>) = all.map(|v| (v.unwrap_or(0), v.is_some())).unzip();
        Self::Each(values.into(), present.into())
    }
}

fn whole<'a>(node: &Whole, batch: &'a Batch) -> Wholes<'a> {
    let rows = 0..batch.row_count();
    let two = |left: &Whole, right: &Whole, with: &dyn Fn(i64, i64) -> Option<i64>| {
        let (left, right) = (whole(left, batch), whole(right, batch));
        Wholes::of(rows.clone().map(|row| with(left.get(row)?, right.get(row)?)))
    };
    match node {
        Whole::Literal(value) => Wholes::Same(*value),
        Whole::Column(column) => match batch.data(*column) {
            Data::Whole { values, present } => Wholes::Each(values.into(), present.into()),
            Data::Text { .. } | Data::Id(_) => Wholes::of(rows.map(|_| None)),
        },
        Whole::Add(left, right, factor) => two(left, right, &|l, r| l.checked_add(r.checked_mul(*factor)?)),
        Whole::Times(left, right) => two(left, right, &i64::checked_mul),
        Whole::Minus(of) => {
            let of = whole(of, batch);
            Wholes::of(rows.map(|row| of.get(row)?.checked_neg()))
        }
        Whole::MinutesBetween(from, to) => {
            two(from, to, &|from, to| to.checked_sub(from).map(|micros| micros / MICROS_OF_A_MINUTE))
        }
        Whole::DayOf(at) => {
            let at = whole(at, batch);
            Wholes::of(rows.map(|row| at.get(row).map(|at| number_of_day(time::day(time::from_micros(at))))))
        }
    }
}

fn truth(node: &Truth, batch: &Batch) -> Vec<Tri> {
    let rows = 0..batch.row_count();
    match node {
        Truth::Literal(value) => vec![Tri::of(*value); batch.row_count()],
        Truth::Column(column) => {
            let flags = whole(&Whole::Column(*column), batch);
            rows.map(|row| flags.get(row).map_or(Tri::Unknown, |flag| Tri::of(flag != 0))).collect()
        }
        Truth::Compare(order, left, right) => {
            let (left, right) = (whole(left, batch), whole(right, batch));
            rows.map(|row| match (left.get(row), right.get(row)) {
                (Some(left), Some(right)) => Tri::of(order.holds(&left, &right)),
                _ => Tri::Unknown,
            })
            .collect()
        }
        Truth::AnyOf(of, numbers) => {
            let of = whole(of, batch);
            rows.map(|row| of.get(row).map_or(Tri::Unknown, |number| Tri::of(numbers.contains(&number)))).collect()
        }
        Truth::Same(left, right) => same_text(left, right, batch),
        Truth::AnyText(column, texts) => by_word(*column, batch, |word| texts.iter().any(|text| text == word)),
        Truth::SameId(left, right) => match (batch.data(*left), batch.data(*right)) {
            (Data::Id(left), Data::Id(right)) => left
                .iter()
                .zip(right)
                .map(|pair| if let (Some(left), Some(right)) = pair { Tri::of(left == right) } else { Tri::Unknown })
                .collect(),
            _ => vec![Tri::Unknown; batch.row_count()],
        },
        Truth::SameFlag(left, right) => {
            let (left, right) = (truth(left, batch), truth(right, batch));
            let same = |(left, right): (Tri, Tri)| left.and(right).or(left.not().and(right.not()));
            left.into_iter().zip(right).map(same).collect()
        }
        Truth::NullWhole(of) => {
            let of = whole(of, batch);
            rows.map(|row| Tri::of(of.get(row).is_none())).collect()
        }
        Truth::NullText(Text::Literal(_)) => vec![Tri::False; batch.row_count()],
        Truth::NullText(Text::Column(column)) => {
            let (codes, _) = codes(*column, batch);
            codes.iter().map(|code| Tri::of(*code == NO_TEXT)).collect()
        }
        Truth::NullId(column) => match batch.data(*column) {
            Data::Id(ids) => ids.iter().map(|id| Tri::of(id.is_none())).collect(),
            Data::Whole { .. } | Data::Text { .. } => vec![Tri::True; batch.row_count()],
        },
        Truth::NullFlag(of) => truth(of, batch).into_iter().map(|of| Tri::of(of == Tri::Unknown)).collect(),
        Truth::All(parts) => folded(parts, batch, Tri::True, Tri::and),
        Truth::Any(parts) => folded(parts, batch, Tri::False, Tri::or),
        Truth::Not(of) => truth(of, batch).into_iter().map(Tri::not).collect(),
    }
}

fn folded(parts: &[Truth], batch: &Batch, start: Tri, join: fn(Tri, Tri) -> Tri) -> Vec<Tri> {
    let mut all = vec![start; batch.row_count()];
    for part in parts {
        for (sum, next) in all.iter_mut().zip(truth(part, batch)) {
            *sum = join(*sum, next);
        }
    }
    all
}

fn codes(column: usize, batch: &Batch) -> (&[u32], &[String]) {
    match batch.data(column) {
        Data::Text { codes, words, .. } => (codes, words),
        Data::Whole { .. } | Data::Id(_) => (&[], &[]),
    }
}

/// Asks once per distinct text, not once per row.
fn by_word(column: usize, batch: &Batch, holds: impl Fn(&str) -> bool) -> Vec<Tri> {
    let (codes, words) = codes(column, batch);
    let answers: Vec<Tri> = words.iter().map(|word| Tri::of(holds(word))).collect();
    codes.iter().map(|code| answers.get(*code as usize).copied().unwrap_or(Tri::Unknown)).collect()
}

fn same_text(left: &Text, right: &Text, batch: &Batch) -> Vec<Tri> {
    match (left, right) {
        (Text::Literal(left), Text::Literal(right)) => vec![Tri::of(left == right); batch.row_count()],
        (Text::Column(column), Text::Literal(text)) | (Text::Literal(text), Text::Column(column)) => {
            by_word(*column, batch, |word| word == text)
        }
        (Text::Column(left), Text::Column(right)) => {
            let ((left, left_words), (right, right_words)) = (codes(*left, batch), codes(*right, batch));
            let pairs = left.iter().zip(right);
            pairs
                .map(|(l, r)| match (left_words.get(*l as usize), right_words.get(*r as usize)) {
                    (Some(left), Some(right)) => Tri::of(left == right),
                    _ => Tri::Unknown,
                })
                .collect()
        }
    }
}

#[cfg(test)]
#[path = "expr_tests.rs"]
mod tests;
