//! Addresses inside the site.

/// `path` when it leads nowhere but into this site: it begins with one slash and holds nothing that a browser would
/// read as another host.
#[must_use]
pub fn local_path(path: &str) -> Option<&str> {
    let mut bytes = path.bytes();
    let begins_well = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (begins_well && is_plain && path.len() <= 1024).then_some(path)
}

/// `text` for use as one value in a query: everything but letters, digits and `-._~` is percent-encoded.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for nibble in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
    }
    encoded
}

/// A query made of names and values: `?a=1&b=2`; values that are empty are left out.
#[must_use]
pub fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    format!("?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_leads_out_of_the_site() {
        for bad in [
            "",
            "home",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/a b",
            "/\t/evil",
            "/a\\b",
        ] {
            assert_eq!(local_path(bad), None, "{bad:?}");
        }
        for good in ["/", "/home", "/requests/1?tab=2&q=%E9%9F%A9#x", "/a//b"] {
            assert_eq!(local_path(good), Some(good));
        }
    }

    #[test]
    fn a_query_carries_any_text() {
        assert_eq!(query(&[("q", "a b&c"), ("empty", ""), ("n", "1")]), "?q=a%20b%26c&n=1");
    }
}
