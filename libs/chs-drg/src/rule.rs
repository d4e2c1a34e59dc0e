//! The rule language: text to tree and back. A rule says when an MDC, an evaluation step or a DRG applies.
//!
//! It knows nothing of records; `compile` turns trees into programs and `plain` walks them as they are.
//! Source: opendrg, "Rule language (`when`)".

use std::fmt;

/// Number of a code set within its scheme.
pub type SetIx = u16;

/// Deepest nesting of brackets and negations that a rule may have.
const DEPTH_MAX: u32 = 24;

/// What a code set lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Diagnosis codes (ICD-10, insurance edition).
    Dx,
    /// Procedure codes (ICD-9-CM-3, insurance edition).
    Px,
}

/// Which codes of a record an atom looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `pdx`: the principal diagnosis.
    PrincipalDx,
    /// `adx`: any diagnosis, the principal included.
    AnyDx,
    /// `sdx`: any secondary diagnosis.
    SecondaryDx,
    /// `ppx`: the principal procedure.
    PrincipalPx,
    /// `apx`: any procedure, the principal included.
    AnyPx,
    /// `spx`: any secondary procedure.
    SecondaryPx,
}

impl Role {
    const ALL: [(Role, &'static str); 6] = [
        (Role::PrincipalDx, "pdx"),
        (Role::AnyDx, "adx"),
        (Role::SecondaryDx, "sdx"),
        (Role::PrincipalPx, "ppx"),
        (Role::AnyPx, "apx"),
        (Role::SecondaryPx, "spx"),
    ];

    /// The word of the rule language.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, word)| word)
    }

    /// What kind of set the role asks.
    pub fn kind(self) -> Kind {
        match self {
            Role::PrincipalDx | Role::AnyDx | Role::SecondaryDx => Kind::Dx,
            Role::PrincipalPx | Role::AnyPx | Role::SecondaryPx => Kind::Px,
        }
    }
}

/// A number of the record that a rule compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Age in full years.
    Age,
    /// Age in days.
    AgeDays,
    /// Weight at birth or admission in grams; 0 is unknown.
    Weight,
    /// Length of stay in days.
    Los,
    /// Hours in intensive care.
    IcuHours,
    /// 1 male, 2 female.
    Sex,
    /// Number of procedures, without those the scheme ignores.
    PxCount,
}

impl Field {
    const ALL: [(Field, &'static str); 7] = [
        (Field::AgeDays, "age_days"),
        (Field::Age, "age"),
        (Field::Weight, "weight"),
        (Field::Los, "los"),
        (Field::IcuHours, "icu_hours"),
        (Field::Sex, "sex"),
        (Field::PxCount, "px_count"),
    ];

    /// The word of the rule language.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(field, _)| *field == self).map_or("", |(_, word)| word)
    }
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Relation {
    const ALL: [(Relation, &'static str); 5] = [
        (Relation::AtMost, "<="),
        (Relation::AtLeast, ">="),
        (Relation::Less, "<"),
        (Relation::Equal, "="),
        (Relation::More, ">"),
    ];

    /// The sign of the rule language.
    pub fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(relation, _)| *relation == self).map_or("", |(_, sign)| sign)
    }

    /// Whether `left` stands in this relation to `right`.
    #[inline]
    pub fn holds(self, left: i32, right: i32) -> bool {
        match self {
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::Equal => left == right,
            Relation::AtLeast => left >= right,
            Relation::More => left > right,
        }
    }
}

/// One question a rule asks a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// Some code in the role is in the set.
    In {
        /// Which codes are looked at.
        role: Role,
        /// Which set they are looked up in.
        set: SetIx,
    },
    /// At least `least` of the sets contain some diagnosis of the record.
    Regions {
        /// One set per body region.
        sets: Vec<SetIx>,
        /// Fewest regions that must be hurt.
        least: u32,
    },
    /// A number compared with a constant; false when the record lacks the number.
    Compare {
        /// The number.
        field: Field,
        /// The relation.
        relation: Relation,
        /// The constant.
        value: i32,
    },
    /// The way of discharge is one of these codes.
    Discharge(Vec<String>),
    /// The department of discharge has this code.
    Dept(String),
    /// Some secondary diagnosis counts as a major complication or comorbidity.
    Mcc,
    /// Some secondary diagnosis counts as a complication or comorbidity.
    Cc,
}

/// A rule as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Every part holds.
    All(Vec<Rule>),
    /// Some part holds.
    Any(Vec<Rule>),
    /// The part does not hold.
    Not(Box<Rule>),
    /// The atom holds.
    Is(Atom),
    /// `true`
    Always,
    /// `false`
    Never,
}

/// Why a rule could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {at}: {what}")]
pub struct RuleFault {
    /// Position in the rule's text, counted from 1.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

impl Rule {
    /// Reads a rule; `find` gives a set's number and kind by its name.
    pub fn parse(text: &str, find: &mut dyn FnMut(&str) -> Option<(SetIx, Kind)>) -> Result<Rule, RuleFault> {
        let mut parser = Parser { text, at: 0, depth: 0, find };
        let rule = parser.any()?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.fault("the rule should end here"));
        }
        Ok(rule)
    }

    /// The rule as text, with sets named by `name`.
    pub fn text(&self, name: &dyn Fn(SetIx) -> String) -> String {
        let mut out = String::new();
        self.write(&mut out, name, 0);
        out
    }

    /// Calls `visit` for every atom, from left to right.
    pub fn atoms<'r>(&'r self, visit: &mut dyn FnMut(&'r Atom)) {
        match self {
            Rule::All(parts) | Rule::Any(parts) => parts.iter().for_each(|part| part.atoms(visit)),
            Rule::Not(part) => part.atoms(visit),
            Rule::Is(atom) => visit(atom),
            Rule::Always | Rule::Never => {}
        }
    }

    /// `binding`: 0 may stand beside `|`, 1 beside `&`, 2 behind `!`.
    fn write(&self, out: &mut String, name: &dyn Fn(SetIx) -> String, binding: u8) {
        let (parts, sign, own) = match self {
            Rule::All(parts) => (parts.as_slice(), " & ", 1),
            Rule::Any(parts) => (parts.as_slice(), " | ", 0),
            Rule::Not(part) => {
                out.push_str("!(");
                part.write(out, name, 0);
                out.push(')');
                return;
            }
            Rule::Is(atom) => return out.push_str(&atom.text(name)),
            Rule::Always => return out.push_str("true"),
            Rule::Never => return out.push_str("false"),
        };
        let bracket = own < binding;
        if bracket {
            out.push('(');
        }
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                out.push_str(sign);
            }
            part.write(out, name, own + 1);
        }
        if bracket {
            out.push(')');
        }
    }
}

impl Atom {
    /// The atom as text, with sets named by `name`.
    pub fn text(&self, name: &dyn Fn(SetIx) -> String) -> String {
        match self {
            Atom::In { role, set } => format!("{} in {}", role.word(), name(*set)),
            Atom::Regions { sets, least } => {
                let sets: Vec<String> = sets.iter().map(|set| name(*set)).collect();
                format!("regions({})>={least}", sets.join(","))
            }
            Atom::Compare { field, relation, value } => format!("{}{}{value}", field.word(), relation.sign()),
            Atom::Discharge(codes) => format!("discharge in {}", codes.join(",")),
            Atom::Dept(code) => format!("dept={code}"),
            Atom::Mcc => "mcc".to_owned(),
            Atom::Cc => "cc".to_owned(),
        }
    }

    /// The sets the atom asks.
    pub fn sets(&self) -> &[SetIx] {
        match self {
            Atom::In { set, .. } => std::slice::from_ref(set),
            Atom::Regions { sets, .. } => sets,
            Atom::Compare { .. } | Atom::Discharge(_) | Atom::Dept(_) | Atom::Mcc | Atom::Cc => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Dx => "dx",
            Kind::Px => "px",
        })
    }
}

struct Parser<'t, 'f> {
    text: &'t str,
    /// Byte offset.
    at: usize,
    depth: u32,
    find: &'f mut dyn FnMut(&str) -> Option<(SetIx, Kind)>,
}

impl<'t> Parser<'t, '_> {
    fn fault(&self, what: impl Into<String>) -> RuleFault {
        let at = self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        RuleFault { at, what: what.into() }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes `sign` when it comes next.
    fn take(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Takes the longest run of letters, digits, `_`, `.`, `-` and anything outside ASCII.
    fn word(&mut self) -> &'t str {
        self.space();
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-'))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn any(&mut self) -> Result<Rule, RuleFault> {
        let mut parts = vec![self.all()?];
        while self.take("|") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Rule::Any(parts) })
    }

    fn all(&mut self) -> Result<Rule, RuleFault> {
        let mut parts = vec![self.unary()?];
        while self.take("&") {
            parts.push(self.unary()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Rule::All(parts) })
    }

    fn unary(&mut self) -> Result<Rule, RuleFault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fault(format!("nested deeper than {DEPTH_MAX}")));
        }
        let rule = if self.take("!") {
            Rule::Not(Box::new(self.unary()?))
        } else if self.take("(") {
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.fault("`)` is missing"));
            }
            inner
        } else {
            self.atom()?
        };
        self.depth -= 1;
        Ok(rule)
    }

    fn atom(&mut self) -> Result<Rule, RuleFault> {
        self.space();
        let start = self.at;
        let word = self.word();
        if let Some((role, _)) = Role::ALL.iter().find(|(_, w)| *w == word) {
            self.keyword_in()?;
            let set = self.set(role.kind())?;
            return Ok(Rule::Is(Atom::In { role: *role, set }));
        }
        if let Some((field, _)) = Field::ALL.iter().find(|(_, w)| *w == word) {
            let Some((relation, _)) = Relation::ALL.iter().find(|(_, sign)| self.take(sign)) else {
                return Err(self.fault("a comparison is missing"));
            };
            let value = self.number()?;
            return Ok(Rule::Is(Atom::Compare { field: *field, relation: *relation, value }));
        }
        Ok(match word {
            "true" => Rule::Always,
            "false" => Rule::Never,
            "mcc" => Rule::Is(Atom::Mcc),
            "cc" => Rule::Is(Atom::Cc),
            "regions" => {
                if !self.take("(") {
                    return Err(self.fault("`(` is missing"));
                }
                let mut sets = vec![self.set(Kind::Dx)?];
                while self.take(",") {
                    sets.push(self.set(Kind::Dx)?);
                }
                if !self.take(")") || !self.take(">=") {
                    return Err(self.fault("`)>=` is missing"));
                }
                let least = u32::try_from(self.number()?).map_err(|_| self.fault("the count is negative"))?;
                Rule::Is(Atom::Regions { sets, least })
            }
            "discharge" => {
                self.keyword_in()?;
                let mut codes = vec![self.text_word()?];
                while self.take(",") {
                    codes.push(self.text_word()?);
                }
                Rule::Is(Atom::Discharge(codes))
            }
            "dept" => {
                if !self.take("=") {
                    return Err(self.fault("`=` is missing"));
                }
                Rule::Is(Atom::Dept(self.text_word()?))
            }
            other => {
                self.at = start;
                let what = if other.is_empty() {
                    "a condition is missing".to_owned()
                } else {
                    format!("`{other}` is no condition")
                };
                return Err(self.fault(what));
            }
        })
    }

    fn keyword_in(&mut self) -> Result<(), RuleFault> {
        if self.word() == "in" { Ok(()) } else { Err(self.fault("`in` is missing")) }
    }

    fn text_word(&mut self) -> Result<String, RuleFault> {
        let word = self.word();
        if word.is_empty() { Err(self.fault("a code is missing")) } else { Ok(word.to_owned()) }
    }

    fn number(&mut self) -> Result<i32, RuleFault> {
        self.space();
        let start = self.at;
        let word = self.word();
        word.parse().map_err(|_| {
            self.at = start;
            self.fault(format!("`{word}` is no whole number"))
        })
    }

    fn set(&mut self, wanted: Kind) -> Result<SetIx, RuleFault> {
        self.space();
        let start = self.at;
        let name = self.word();
        let found = (self.find)(name);
        self.at = start;
        match found {
            None => Err(self.fault(format!("there is no code set `{name}`"))),
            Some((_, kind)) if kind != wanted => {
                Err(self.fault(format!("the code set `{name}` lists {kind}, but {wanted} is asked")))
            }
            Some((set, _)) => {
                self.at += name.len();
                Ok(set)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<(SetIx, Kind)> {
        let number = name.get(1..)?.parse().ok()?;
        match name.get(..1)? {
            "D" => Some((number, Kind::Dx)),
            "P" => Some((100 + number, Kind::Px)),
            _ => None,
        }
    }

    fn name(set: SetIx) -> String {
        if set < 100 { format!("D{set}") } else { format!("P{}", set - 100) }
    }

    fn read(text: &str) -> Result<Rule, RuleFault> {
        Rule::parse(text, &mut find)
    }

    #[test]
    fn a_rule_written_out_reads_back_the_same() {
        for text in [
            "true",
            "mcc | cc",
            "pdx in D1 & !(ppx in P2) & weight>0 & weight<1500 & age_days<=28",
            "(pdx in D1 & ppx in P3) | ppx in P4 | (apx in P5 & apx in P6)",
            "pdx in D1 & ((apx in P1 & apx in P2) | spx in P3)",
            "pdx in D1 & regions(D2,D3,D4)>=2",
            "discharge in 2,5 & los<5 | dept=ICU",
        ] {
            let rule = read(text).unwrap();
            assert_eq!(read(&rule.text(&name)).unwrap(), rule, "{text}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        let Rule::Any(parts) = read("mcc | cc & true").unwrap() else { panic!("not an alternative") };
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn a_fault_names_its_place() {
        let fault = |text| read(text).unwrap_err().to_string();
        assert_eq!(fault("pdx in D1 & "), "character 13: a condition is missing");
        assert_eq!(fault("pdx in X1"), "character 8: there is no code set `X1`");
        assert_eq!(fault("pdx in P1"), "character 8: the code set `P1` lists px, but dx is asked");
        assert_eq!(fault("age<x"), "character 5: `x` is no whole number");
        assert_eq!(fault("mcc cc"), "character 5: the rule should end here");
        assert!(fault(&"(".repeat(99)).contains("nested deeper"));
    }
}
