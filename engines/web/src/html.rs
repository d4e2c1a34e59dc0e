//! Small parts of a page that stand inside a sentence or a cell: icon, tag, chip of time left. The markup is that of
//! `web/README.md`. Larger parts are macros in `templates/components.html`.

use std::fmt;

use yiti_kernel::{Due, Lang, SignedDuration, Timestamp};

use crate::words::t;

/// Markup that is not escaped again. Only this module makes it, from escaped texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// `text` with the five signs that mean something in HTML escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub(crate) fn icon(sprite: &str, name: &str) -> Html {
    Html(format!(r#"<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>"#, escape(sprite), escape(name)))
}

pub(crate) fn tag(sprite: &str, kind: &str, name: &str, words: &str) -> Html {
    Html(format!(r#"<span class="tag tag-{}">{}{}</span>"#, escape(kind), icon(sprite, name), escape(words)))
}

pub(crate) fn urgency(sprite: &str, key: &str, words: &str) -> Html {
    let icon = match key {
        "stat" => icon(sprite, "bolt").0,
        "urgent" => icon(sprite, "flag").0,
        _ => String::new(),
    };
    Html(format!(r#"<span class="urgency urgency-{}">{icon}{}</span>"#, escape(key), escape(words)))
}

pub(crate) fn count(n: u32, kind: &str) -> Html {
    let kind = if kind.is_empty() { String::new() } else { format!(" count-{}", escape(kind)) };
    Html(format!(r#"<span class="count{kind}">{n}</span>"#))
}

/// The chip of time left; `web/modules/countdown.js` keeps it right each second.
pub(crate) fn due(sprite: &str, lang: Lang, now: Timestamp, due: Due) -> Html {
    let (due_at, left, state) = (due.at, due.at.duration_since(now), due.state(now));
    let name = if state == "over" { "clock-exclamation" } else { "clock" };
    let warn = due.warn_at.map_or_else(String::new, |at| format!(r#" data-warn="{at}""#));
    let frame = if state == "over" { "texts.overdue" } else { "texts.left" };
    let words = t(lang, frame).replace("{}", &spell(lang, left));
    Html(format!(
        r#"<time class="due due-{state}" datetime="{due_at}" data-due="{due_at}"{warn} data-state="{state}">{}<span>{}</span></time>"#,
        icon(sprite, name),
        escape(&words)
    ))
}

/// As the module spells it, so that the text does not jump when it takes over.
fn spell(lang: Lang, left: SignedDuration) -> String {
    let seconds = left.as_secs().unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let (day, hour, minute) = (t(lang, "texts.days"), t(lang, "texts.hours"), t(lang, "texts.minutes"));
    if days > 0 {
        format!("{days} {day} {hours} {hour}")
    } else if hours > 0 {
        format!("{hours} {hour} {minutes:02} {minute}")
    } else {
        format!("{minutes:02}:{:02}", seconds % 60)
    }
}

/// Kind and icon of the tag of a state, as `web/README.md` lists them. A state not listed there is shown plainly.
pub(crate) fn status_look(key: &str) -> (&'static str, &'static str) {
    match key {
        "draft" => ("off", "pencil"),
        "requested" => ("info", "send"),
        "arrived" => ("info", "map-pin"),
        "imaged" => ("info", "scan"),
        "repeat_asked" => ("warn", "alert-triangle"),
        "cancelled" | "void" => ("off", "circle-x"),
        "critical" => ("danger", "alert-circle"),
        "waiting" => ("warn", "hourglass"),
        "reading" => ("hold", "pencil"),
        "drafted" => ("hold", "user-check"),
        "sent_back" => ("warn", "arrow-back-up"),
        "issued" => ("ok", "circle-check"),
        "amended" => ("ok", "edit"),
        "positive" => ("warn", "plus"),
        "paused" => ("off", "player-pause"),
        _ => ("off", "info-circle"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yiti_kernel::time::from_micros;

    #[test]
    fn nothing_typed_by_a_person_becomes_markup() {
        assert_eq!(escape(r#"<b a="1">'&"#), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
        assert!(!tag("/i.svg", "ok", "check", "<script>").to_string().contains("<script>"));
    }

    #[test]
    fn time_left_turns_to_warning_at_its_limit_and_to_overdue_after_the_last_second() {
        let now = from_micros(1_000_000_000_000);
        let at = |seconds| {
            let at = now + SignedDuration::from_secs(seconds);
            let warn_at = Some(at - SignedDuration::from_mins(30));
            due("/i.svg", Lang::En, now, Due { at, warn_at }).to_string()
        };
        for (seconds, class, words) in [
            (1801, "due-ok", "30:01"),
            (1800, "due-warn", "30:00"),
            (0, "due-warn", "00:00"),
            (-1, "due-over", "00:01"),
            (90_000, "due-ok", "1 d 1 h"),
        ] {
            let chip = at(seconds);
            assert!(chip.contains(class) && chip.contains(words), "{seconds}: {chip}");
        }
    }
}
