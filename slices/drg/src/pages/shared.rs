//! What several pages show alike: a group with its worth, money, findings, sentences of grouping and of the price.

use std::str::FromStr;
use std::sync::LazyLock;

use yiti_directory::{Institution, InstitutionId};
use yiti_kernel::{Date, Fen, Lang};
use yiti_record::front_page::{FrontPage, Source};
use yiti_web::words::{has_key, t, t_with};
use yiti_web::{App, Form, Problem, Ui, Visitor};

use crate::actions;
use crate::assess::{self, Assessed, Unpriced, complication_key};
use crate::check::{self, Severity};
use crate::group;
use crate::norm::Norm;
use crate::settings::Definitions;
use crate::store;

/// Finished stays of a group that a norm looks at.
pub(super) const NORM_STAYS_MAX: u32 = 5_000;

static GROUPING: LazyLock<[Option<chs_drg::Words>; 2]> =
    LazyLock::new(|| Lang::ALL.map(|lang| chs_drg::Words::shipped(lang.tag()).ok()));
static PAYMENT: LazyLock<[Option<drg_payment::Words>; 2]> =
    LazyLock::new(|| Lang::ALL.map(|lang| drg_payment::Words::shipped(lang.tag()).ok()));

fn of_lang<T>(words: &'static [Option<T>; 2], lang: Lang) -> Option<&'static T> {
    Lang::ALL.iter().zip(words).find(|(one, _)| **one == lang).and_then(|(_, words)| words.as_ref())
}

/// An identifier in an address; what is none leads nowhere.
pub(super) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

/// The words of a key made at run time, or `otherwise` when there are none.
pub(super) fn word_or<'w>(lang: Lang, key: &'w str, otherwise: &'w str) -> &'w str {
    if has_key(lang, key) { t(lang, key) } else { otherwise }
}

/// Yuan with two decimals and a comma before each three digits: `-12,345.60`.
pub(super) fn yuan(amount: Fen) -> String {
    let text = amount.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{out}.{cents}")
}

/// As [`yuan`], and a dash for nothing.
pub(super) fn yuan_or_dash(amount: Option<Fen>) -> String {
    amount.map_or_else(|| "\u{2014}".to_owned(), yuan)
}

/// As [`yuan`], a gain with its sign.
pub(super) fn signed(amount: Fen) -> String {
    if amount.0 > 0 { format!("+{}", yuan(amount)) } else { yuan(amount) }
}

/// Millionths with four decimals, half away from zero.
pub(super) fn weight(weight_e6: Option<i64>) -> String {
    weight_e6.map_or_else(
        || "\u{2014}".to_owned(),
        |weight_e6| {
            let e4 = (weight_e6.unsigned_abs() + 50) / 100;
            format!("{}{}.{:04}", if weight_e6 < 0 { "-" } else { "" }, e4 / 10_000, e4 % 10_000)
        },
    )
}

/// Tenths with one decimal.
pub(super) fn tenths(e1: u32) -> String {
    format!("{}.{}", e1 / 10, e1 % 10)
}

/// Thousandths as percent with one decimal.
pub(super) fn percent(e3: u32) -> String {
    format!("{}.{}%", e3 / 10, e3 % 10)
}

/// A part of a whole in thousandths, half up; `None` of nothing.
pub(super) fn share_e3(part: Fen, whole: Fen) -> Option<u32> {
    let (part, whole) = (i128::from(part.0), i128::from(whole.0));
    (whole > 0 && part >= 0).then(|| u32::try_from((2000 * part + whole) / (2 * whole)).ok()).flatten()
}

/// Whether an amount is a loss, a gain, or neither, as class.
pub(super) fn tone(amount: Option<Fen>) -> &'static str {
    match amount {
        Some(amount) if amount.0 < 0 => "down",
        Some(amount) if amount.0 > 0 => "up",
        _ => "",
    }
}

/// A page grouped and priced, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) drg: String,
    pub(super) name: String,
    /// `none`, `cc`, `mcc`.
    pub(super) complication: &'static str,
    /// `drg`, `adrg`, `ambiguous`, `ungrouped`.
    pub(super) outcome: &'static str,
    pub(super) weight: String,
    pub(super) weight_e6: Option<i64>,
    pub(super) standard: String,
    pub(super) pay: String,
    pub(super) paid: Option<Fen>,
    pub(super) balance: String,
    pub(super) tone: &'static str,
    /// Why there is no price; empty with one.
    pub(super) unpriced: String,
}

/// The words of a page that was grouped and priced.
pub(super) fn side(lang: Lang, assessed: &Assessed<'_>) -> Side {
    let balance = assessed.balance();
    let standard = assessed.standard.as_ref().map(|standard| Fen(standard.amount.0));
    Side {
        drg: assessed.drg.to_owned(),
        name: group_name(lang, assessed),
        complication: complication_key(assessed.explained.answer.complication),
        outcome: assess::outcome_key(assessed.explained.answer.outcome),
        weight: weight(assessed.weight_e6()),
        weight_e6: assessed.weight_e6(),
        standard: yuan_or_dash(standard),
        pay: yuan_or_dash(assessed.pay()),
        paid: assessed.pay(),
        balance: balance.map_or_else(|| "\u{2014}".to_owned(), signed),
        tone: tone(balance),
        unpriced: assessed.priced.as_ref().err().map_or_else(String::new, |unpriced| unpriced_words(lang, unpriced)),
    }
}

fn group_name(lang: Lang, assessed: &Assessed<'_>) -> String {
    match assessed.name() {
        "" => t(lang, "drg.no_group").to_owned(),
        name => name.to_owned(),
    }
}

/// Why there is no price, and what to do.
pub(super) fn unpriced_words(lang: Lang, unpriced: &Unpriced) -> String {
    match unpriced {
        Unpriced::Refused(refused) => of_lang(&PAYMENT, lang).map_or_else(String::new, |words| words.refused(refused)),
        other => t(lang, &format!("drg.unpriced.{}", other.key())).to_owned(),
    }
}

/// How a price came to be, a sentence a step.
pub(super) fn price_steps(lang: Lang, assessed: &Assessed<'_>) -> Vec<String> {
    let words = of_lang(&PAYMENT, lang);
    assessed.priced.as_ref().ok().zip(words).map_or_else(Vec::new, |(priced, words)| words.steps(priced))
}

/// How a group came to be.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What became of complications.
    pub(super) weighed: Vec<String>,
    /// The way to the group.
    pub(super) trail: Vec<String>,
    /// What nearly came first.
    pub(super) near: Vec<String>,
}

/// How a group came to be, in sentences.
pub(super) fn told(lang: Lang, page: &FrontPage, assessed: &Assessed<'_>) -> Told {
    let Some(words) = of_lang(&GROUPING, lang) else { return Told::default() };
    let explained = &assessed.explained;
    let mut sentences = group::with_record(page, |record| words.explained(assessed.scheme, record, explained));
    let near = sentences.split_off((explained.weighed.len() + explained.trail.len()).min(sentences.len()));
    let trail = sentences.split_off(explained.weighed.len().min(sentences.len()));
    Told { weighed: sentences, trail, near }
}

/// A finding in words, with what mending it changes.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) severity: &'static str,
    pub(super) kind: &'static str,
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) remedy: String,
    /// What the mend changes; empty when it has none or changes nothing.
    pub(super) effect: String,
    pub(super) tone: &'static str,
}

/// Why a finding is one; empty while its rule has no words.
pub(super) fn reason(lang: Lang, finding: &check::Finding) -> String {
    said(lang, &finding.reason_key(), finding)
}

/// The words of a key filled with the facts of a finding.
fn said(lang: Lang, key: &str, finding: &check::Finding) -> String {
    let facts: Vec<(&str, &str)> = finding.facts.iter().map(|(name, fact)| (*name, fact.as_str())).collect();
    if has_key(lang, key) { t_with(lang, key, &facts) } else { String::new() }
}

/// The findings of a page in words.
pub(super) fn findings(
    lang: Lang,
    definitions: &Definitions,
    (page, source): (&FrontPage, Source),
    assessed: &Assessed<'_>,
    (institution, today): (&Institution, Date),
) -> Vec<Found> {
    let found = definitions.findings(page, source, assessed.scheme);
    found
        .iter()
        .map(|finding| {
            let label = format!("front_page.field.{}", finding.label);
            let mut field = if finding.title.is_empty() || has_key(lang, &label) {
                word_or(lang, &label, &finding.label).to_owned()
            } else {
                finding.title.clone()
            };
            if let Some(place) = finding.place {
                field = format!("{field} {}", place + 1);
            }
            let after =
                finding.mended.as_deref().and_then(|mended| assess::assess(mended, definitions, institution, today));
            let (effect, tone) = after.map_or_else(Default::default, |after| effect(lang, assessed, &after));
            Found {
                severity: finding.severity.key(),
                kind: match finding.severity {
                    Severity::BlocksGrouping => "danger",
                    Severity::BlocksUpload => "warn",
                    Severity::Advice => "info",
                },
                field,
                reason: reason(lang, finding),
                remedy: said(lang, &finding.remedy_key(), finding),
                effect,
                tone,
            }
        })
        .collect()
}

/// What a change of the page changes in group and money; empty when nothing.
fn effect(lang: Lang, before: &Assessed<'_>, after: &Assessed<'_>) -> (String, &'static str) {
    let change = after.pay().zip(before.pay()).and_then(|(after, before)| after.0.checked_sub(before.0)).map(Fen);
    let money = change.map_or_else(|| "\u{2014}".to_owned(), signed);
    if before.drg == after.drg && change.is_none_or(|change| change.0 == 0) {
        return (t(lang, "drg.effect_none").to_owned(), "");
    }
    (t_with(lang, "drg.effect", &[("before", before.drg), ("after", after.drg), ("money", &money)]), tone(change))
}

/// The norm of a group in the whole county over the settings' months, up to `today`.
pub(super) async fn norm(
    app: &App,
    (scheme, drg): (&str, &str),
    today: Date,
) -> Result<Option<Norm>, yiti_store::Error> {
    let definitions = app.platform().kit.get::<Definitions>();
    let settings = &definitions.settings;
    let mut reader = app.platform().store.read().await?;
    let scope = app.platform().tree().whole();
    let from = months_before(today, settings.norm_months);
    let stays = store::finished(&mut reader, scope, (scheme, drg), (from, today), NORM_STAYS_MAX).await?;
    Ok(Norm::of(&stays, settings.norm_stays_min))
}

/// The day so many months earlier.
pub(super) fn months_before(day: Date, months: u32) -> Date {
    let all = i64::from(day.year()) * 12 + i64::from(day.month()) - 1 - i64::from(months);
    let (year, month) = (i16::try_from(all.div_euclid(12)), i8::try_from(all.rem_euclid(12) + 1));
    let first = year.ok().zip(month.ok()).and_then(|(year, month)| Date::new(year, month, 1).ok());
    first
        .and_then(|first| Date::new(first.year(), first.month(), day.day().min(first.days_in_month())).ok())
        .unwrap_or(day)
}

/// Institutions of a scope that have inpatients or may have, with their short names.
pub(super) fn institutions(app: &App, visitor: &Visitor) -> Vec<(String, String)> {
    let tree = app.platform().tree();
    let definitions = app.platform().kit.get::<Definitions>();
    let nodes = definitions.settings.with_inpatients(&tree, visitor.actor.scope);
    nodes.map(|node| (node.id.to_string(), node.short_name.clone())).collect()
}

/// The institution that a form names.
pub(super) fn institution(asked: &Form, name: &str) -> Option<InstitutionId> {
    asked.value(name).parse().ok()
}

/// Pairs of key and words, below `area` in `locales/`.
pub(super) fn options(ui: &Ui, area: &str, keys: &[&str]) -> Vec<(String, String)> {
    keys.iter().map(|key| ((*key).to_owned(), ui.word(area, key))).collect()
}

/// Writes that a list of patients was read.
pub(super) async fn journal_list(
    app: &App,
    visitor: &Visitor,
    list: &'static str,
    row_count: usize,
    filter: String,
) -> Result<(), Problem> {
    Ok(actions::list_read(app.platform(), &visitor.actor, list, row_count, filter).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_in_threes() {
        let texts = [0, 5, 99_999, 100_000, 123_456_789, -123_456].map(|fen| yuan(Fen(fen)));
        assert_eq!(texts, ["0.00", "0.05", "999.99", "1,000.00", "1,234,567.89", "-1,234.56"]);
        assert_eq!((signed(Fen(1)), signed(Fen(0)), signed(Fen(-1))), ("+0.01".into(), "0.00".into(), "-0.01".into()));
    }

    #[test]
    fn weights_have_four_decimals() {
        assert_eq!(
            [Some(710_700), Some(1), Some(50), Some(22_570_500), None].map(weight),
            ["0.7107", "0.0000", "0.0001", "22.5705", "\u{2014}"]
        );
    }

    #[test]
    fn shares_are_rounded_half_up() {
        assert_eq!(share_e3(Fen(1), Fen(3)), Some(333));
        assert_eq!(share_e3(Fen(2), Fen(3)), Some(667));
        assert_eq!((share_e3(Fen(1), Fen(0)), share_e3(Fen(-1), Fen(3))), (None, None));
        assert_eq!((percent(333), tenths(74)), ("33.3%".into(), "7.4".into()));
    }

    #[test]
    fn a_year_before_the_29th_of_february_is_the_28th() {
        let day = yiti_kernel::civil::date;
        assert_eq!(months_before(day(2024, 2, 29), 12), day(2023, 2, 28));
    }
}
