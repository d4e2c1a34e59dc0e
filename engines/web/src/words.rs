//! The words a person reads: `/locales/<area>.toml`, both languages side by side, put into the binary at build time.
//!
//! Leaves out: plural rules (neither language here needs them) and dates (the kernel writes them).

use std::collections::HashMap;
use std::sync::LazyLock;

use yiti_kernel::Lang;

mod loaded {
    rust_i18n::i18n!("../../locales");
}

type Words = HashMap<String, &'static str>;

static WORDS: LazyLock<[Words; 2]> = LazyLock::new(|| Lang::ALL.map(load));

/// Leaks once per process on purpose: the words live as long as it does, and pages borrow them.
fn load(lang: Lang) -> Words {
    let words = loaded::_rust_i18n_backend().messages_for_locale(lang.tag()).unwrap_or_default();
    words.into_iter().map(|(key, text)| (key.into_owned(), &*text.into_owned().leak())).collect()
}

fn find(lang: Lang, key: &str) -> Option<&'static str> {
    let [zh, en] = &*WORDS;
    match lang {
        Lang::Zh => zh.get(key).copied(),
        Lang::En => en.get(key).copied(),
    }
}

/// The words of `key` in `lang`; the key itself when there are none, so that a gap is seen and a test can find it.
#[must_use]
pub fn t(lang: Lang, key: &str) -> &str {
    find(lang, key).unwrap_or(key)
}

/// As [`t`], with `%{name}` replaced by its value.
#[must_use]
pub fn t_with(lang: Lang, key: &str, values: &[(&str, &str)]) -> String {
    let mut rest = t(lang, key);
    let mut text = String::with_capacity(rest.len() + 16);
    while let Some((before, after)) = rest.split_once("%{") {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            text.push_str("%{");
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => text.push_str(value),
            None => {
                text.push_str("%{");
                text.push_str(name);
                text.push('}');
            }
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

/// True when `key` has words in `lang`.
#[must_use]
pub fn has_key(lang: Lang, key: &str) -> bool {
    find(lang, key).is_some()
}

/// All keys that have words in `lang`, sorted.
#[must_use]
pub fn keys(lang: Lang) -> Vec<&'static str> {
    let [zh, en] = &*WORDS;
    let words = match lang {
        Lang::Zh => zh,
        Lang::En => en,
    };
    let mut keys: Vec<&'static str> = words.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The keys that a template or a Rust file asks for by a literal: `.t("…")`, `.t_with("…"`, `Ui::new(…, "…")`,
/// `refused("…")`, `.add("field", "…"`. A key put together at run time cannot be found; its parts are listed by who
/// puts it together.
#[must_use]
pub fn keys_used_in_templates(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut note = |after: &str| {
        if let Some((key, _)) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            keys.push(key.to_owned());
        }
    };
    for call in [".t(", ".t_with(", "Problem::refused("] {
        text.match_indices(call).for_each(|(at, _)| note(&text[at + call.len()..]));
    }
    for (call, argument) in [("Ui::new(", 2), ("Ui::plain(", 2), ("errors.add(", 1)] {
        for (at, _) in text.match_indices(call) {
            let arguments = text[at + call.len()..].split([')', ';']).next().unwrap_or_default();
            if let Some(words) = arguments.split(',').nth(argument) {
                note(words);
            }
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_words_in_both_languages() {
        let missing: Vec<_> = keys(Lang::Zh)
            .into_iter()
            .chain(keys(Lang::En))
            .filter(|key| !Lang::ALL.iter().all(|lang| has_key(*lang, key)))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert!(keys(Lang::Zh).len() > 50);
    }

    #[test]
    fn a_missing_key_shows_as_itself() {
        assert_eq!(t(Lang::Zh, "no.such.key"), "no.such.key");
        assert!(!has_key(Lang::Zh, "no.such.key"));
    }

    #[test]
    fn values_are_filled_in_and_unknown_names_stay() {
        assert_eq!(t_with(Lang::En, "a %{x} b %{y} c %{", &[("x", "1")]), "a 1 b %{y} c %{");
    }

    #[test]
    fn keys_are_found_in_templates_and_in_rust() {
        let text = r#"{{ ui.t("a.b") }} {{ ui.t_with( "c.d", &[("n", x)]) }} Ui::new(&app, &visitor, "e.f").await
            form.errors.add("field", "g.h", &[]); Err(Problem::refused("i.j"))"#;
        assert_eq!(keys_used_in_templates(text), ["a.b", "c.d", "e.f", "g.h", "i.j"]);
    }
}
