//! Placeholders of an example that were not replaced, such as `https://api.<tenant>.example.com`.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, KeyPath};
use super::mistake::Mistake;

/// The mistakes. Their keys count as reported: that such a value is also no URL is a consequence.
pub(super) fn placeholder_mistakes(document: &mut Document<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    in_table(document.root(), &mut Vec::new(), &mut found);
    let mut mistakes = Vec::new();
    for (path, offset, what) in found {
        mistakes.extend(document.mistake_at(&path, offset, what));
        document.mark_reported(document.key_of(&path));
    }
    mistakes
}

type Placeholder = (KeyPath, usize, String);

fn in_table(table: &DeTable<'_>, path: &mut KeyPath, found: &mut Vec<Placeholder>) {
    for (name, value) in table {
        path.push(name.get_ref().to_string());
        in_value(value, path, found);
        path.pop();
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, path: &mut KeyPath, found: &mut Vec<Placeholder>) {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, path, found),
        DeValue::Array(list) => {
            for (n, item) in list.iter().enumerate() {
                path.push(n.to_string());
                in_value(item, path, found);
                path.pop();
            }
        }
        DeValue::String(text) => {
            let what = kind_of(path).and_then(|kind| what(text, kind));
            found.extend(what.map(|what| (path.clone(), value.span().start, what)));
        }
        _ => {}
    }
}

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A template for a URL: braces and brackets have a meaning.
    UrlTemplate,
    /// It may contain a password, so nothing of it is repeated.
    Confidential,
    Plain,
}

/// `None` for texts that may contain anything, and for the places of secrets.
fn kind_of(path: &[String]) -> Option<Kind> {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    match steps.as_slice() {
        [.., "custom_fields", _, _] | [.., "messages", _] | [.., "env" | "file"] => None,
        [.., "blocked_values" | "blocked_mailboxes", _] => None,
        [.., "event_url"] => Some(Kind::UrlTemplate),
        ["database", "url"] => Some(Kind::Confidential),
        // The places of secrets. Somebody may have written the secret itself.
        steps if steps.iter().any(|step| is_secret(step)) => Some(Kind::Confidential),
        _ => Some(Kind::Plain),
    }
}

fn is_secret(key: &str) -> bool {
    ["secret", "token", "password", "authorization", "api_key", "credential"]
        .iter()
        .any(|word| key.contains(word))
}

fn what(text: &str, kind: Kind) -> Option<String> {
    if kind != Kind::UrlTemplate && text.contains("${") {
        return Some(
            "contains `${`, but variables are not replaced in this file; write the value itself"
                .to_owned(),
        );
    }
    let in_url = text.contains("://");
    let others: &[(char, char)] = match kind {
        Kind::UrlTemplate => &[],
        Kind::Confidential => &[('{', '}')],
        Kind::Plain if in_url => &[('{', '}'), ('[', ']')],
        Kind::Plain => &[('{', '}')],
    };
    let word = std::iter::once(&('<', '>'))
        .chain(others)
        .find_map(|(open, close)| placeholder(text, *open, *close))?;
    Some(match kind {
        Kind::Confidential => {
            "still contains a placeholder in brackets; replace it with your own value".to_owned()
        }
        Kind::Plain | Kind::UrlTemplate => {
            format!("still contains a placeholder; replace {word} with your own value")
        }
    })
}

/// The first word in these brackets, with them: letters, digits, spaces, `-` and `_`, beginning with a letter.
fn placeholder(text: &str, open: char, close: char) -> Option<&str> {
    text.match_indices(open).find_map(|(start, _)| {
        let rest = text.get(start..)?;
        let end = rest.find(close)?;
        let inner = rest.get(open.len_utf8()..end)?;
        let is_word = inner.starts_with(char::is_alphabetic)
            && inner.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.'));
        is_word.then(|| rest.get(..end.checked_add(close.len_utf8())?)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_named_unless_it_may_be_a_password() {
        for (text, kind, part) in [
            ("https://api.<tenant>.example.com", Kind::Plain, Some("replace <tenant> with")),
            ("https://api.{tenant}.example.com", Kind::Plain, Some("replace {tenant} with")),
            ("https://[your-tenant].example.com", Kind::Plain, Some("replace [your-tenant] with")),
            ("https://[fe80::1]/", Kind::Plain, None),
            ("<client id>", Kind::Plain, Some("replace <client id> with")),
            ("${TENANT}", Kind::Plain, Some("variables are not replaced")),
            ("https://<tenant>/{{ event.id }}", Kind::UrlTemplate, Some("replace <tenant> with")),
            ("https://x.example/{{ event.id }}", Kind::UrlTemplate, None),
            ("postgres://u:<password>@h/d", Kind::Confidential, Some("in brackets; replace it")),
            ("a < b > c", Kind::Plain, None),
            ("/data/email", Kind::Plain, None),
        ] {
            let what = what(text, kind);
            assert_eq!(what.is_some(), part.is_some(), "{text}: {what:?}");
            assert!(what.unwrap_or_default().contains(part.unwrap_or_default()), "{text}");
        }
        assert!(!what("postgres://u:<hunter>@h/d", Kind::Confidential).unwrap().contains("hunter"));
    }
}
