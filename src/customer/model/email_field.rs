//! E-mail addresses in fields of sources: any usual form, or several addresses in one field.

use mailparse::{MailAddr, MailAddrList};
use percent_encoding::percent_decode_str;

use super::email::{Email, MAX_ADDRESS};
use super::placeholder::{ValueKind, is_placeholder};
use super::text;

/// Further addresses in one field are ignored.
const MAX_ADDRESSES: usize = 10;

/// The longest field that is parsed, in bytes.
const MAX_FIELD: usize = MAX_ADDRESS * MAX_ADDRESSES;

/// The addresses in a field of a source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EmailField {
    /// The valid addresses, in their order.
    pub emails: Vec<Email>,
    /// Whether a part of the field could not be parsed.
    pub has_unread: bool,
}

impl EmailField {
    /// Parses a field of a source: an address in any usual form, or a list of addresses.
    #[must_use]
    pub fn read(raw: &str) -> Self {
        if let Ok(email) = Email::parse(raw)
            && raw.is_ascii()
        {
            return Self { emails: vec![email], has_unread: false };
        }
        let text = text::visible(raw);
        if text.len() > MAX_FIELD {
            return Self { emails: Vec::new(), has_unread: true };
        }
        let mut field = Self::default();
        for address in addresses_in(&without_scheme(&text)).into_iter().take(MAX_ADDRESSES) {
            match Email::parse(address.trim_matches(['.', ',', ';', '\'', '"', '<', '>', ' '])) {
                Ok(email) if field.emails.contains(&email) => {}
                Ok(email) => field.emails.push(email),
                Err(_) => field.has_unread |= !is_placeholder(ValueKind::Address, &address),
            }
        }
        field
    }
}

/// Removes `mailto:` (RFC 6068) before each address, and its parameters behind the address.
fn without_scheme(text: &str) -> String {
    const SCHEME: &str = "mailto:";
    let at = |text: &str| text.to_ascii_lowercase().find(SCHEME);
    let Some(_) = at(text) else { return text.to_owned() };
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, from)) = at(rest).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let link = from.get(SCHEME.len()..).unwrap_or_default();
        let end = link
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '>' | '"'))
            .unwrap_or(link.len());
        let (link, after) = link.split_at_checked(end).unwrap_or((link, ""));
        let address = link.split('?').next().unwrap_or_default();
        out.push_str(&percent_decode_str(address).decode_utf8_lossy());
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The addresses of a list (RFC 5322, section 3.4), or of a list separated by blanks or slashes.
fn addresses_in(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split([' ', '/', '|']).filter(|word| !word.is_empty()).collect();
    if words.len() > 1
        && !text.contains('<')
        && words.iter().all(|word| word.matches('@').count() == 1)
    {
        return words.into_iter().map(str::to_owned).collect();
    }
    match mailparse::addrparse(text) {
        Ok(list) => in_list(&list, text),
        Err(_) => in_broken_list(text),
    }
}

fn in_list(list: &MailAddrList, text: &str) -> Vec<String> {
    let mut addresses = Vec::new();
    for entry in list.iter() {
        match entry {
            MailAddr::Single(single) => addresses.push(single.addr.clone()),
            MailAddr::Group(group) => {
                addresses.extend(group.addrs.iter().map(|single| single.addr.clone()));
            }
        }
    }
    // A name with a comma is split into several entries. Only the last one has an address.
    if let Some(last) =
        addresses.iter().rposition(|address| address.contains('@')).filter(|_| text.contains('<'))
    {
        let behind = addresses.split_off(last);
        addresses.retain(|address| address.contains('@'));
        addresses.extend(behind);
    }
    addresses
}

/// The addresses of a list that breaks the rules: the name before an address should be quoted, but is not.
fn in_broken_list(text: &str) -> Vec<String> {
    let mut addresses: Vec<String> = text
        .split('<')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
        .collect();
    if !addresses.is_empty() {
        // Text behind the last address is not a name.
        let behind = text.rsplit_once('>').map(|(_, rest)| rest.trim_matches([',', ';', ' ']));
        addresses.extend(behind.map(str::to_owned));
        return addresses;
    }
    if text.contains('"') {
        return vec![text.to_owned()];
    }
    // An entry that cannot be parsed does not discard the rest of the list.
    text.split([',', ';'])
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sources_write_addresses_in_many_ways() {
        for (raw, expected) in [
            ("anna@example.org", &["anna@example.org"][..]),
            ("mailto:anna@example.org", &["anna@example.org"]),
            ("MAILTO:anna%2Bx@example.org?subject=Hi%20there", &["anna+x@example.org"]),
            ("Anna <anna@example.org>", &["anna@example.org"]),
            ("<anna@example.org>", &["anna@example.org"]),
            ("<mailto:anna@example.org>", &["anna@example.org"]),
            ("\"Vries, de\" <anna@example.org>", &["anna@example.org"]),
            ("Vries, Anna de <anna@example.org>", &["anna@example.org"]),
            ("anna@example.org (private)", &["anna@example.org"]),
            ("anna@example.org.", &["anna@example.org"]),
            ("anna@example.org,", &["anna@example.org"]),
            ("'anna@example.org'", &["anna@example.org"]),
            ("\u{a0}anna@example.org\u{200b}", &["anna@example.org"]),
            ("an\u{ad}na@exam\u{200e}ple.org", &["anna@example.org"]),
            ("anna@example.org, bert@example.org", &["anna@example.org", "bert@example.org"]),
            (
                "anna@example.org; Bert <bert@example.org>",
                &["anna@example.org", "bert@example.org"],
            ),
            ("anna@example.org bert@example.org", &["anna@example.org", "bert@example.org"]),
            ("anna@example.org / bert@example.org", &["anna@example.org", "bert@example.org"]),
            ("anna@example.org, Anna@example.org", &["anna@example.org"]),
            ("a@r2---sn.mail.example", &["a@r2---sn.mail.example"]),
            ("victim@example.org <anna@example.org>", &["anna@example.org"]),
            ("\"victim@example.org\" <anna@example.org>", &["anna@example.org"]),
            ("<anna@example.org> <bert@example.org>", &["anna@example.org", "bert@example.org"]),
            ("null", &[]),
            ("-", &[]),
        ] {
            let field = EmailField::read(raw);
            let read: Vec<&str> = field.emails.iter().map(Email::as_str).collect();
            assert_eq!((read.as_slice(), field.has_unread), (expected, false), "{raw}");
        }
        for (raw, count) in [
            ("anna", 0),
            ("anna@", 0),
            ("Anna anna@example.org", 0),
            ("anna@example.org, bert@", 1),
            ("anna@example.org, nonsense", 1),
            ("nonsense; anna@example.org", 1),
            ("Anna <anna@example.org>, nonsense", 1),
            ("a@b@c.org", 0),
        ] {
            let field = EmailField::read(raw);
            assert!(field.has_unread && field.emails.len() == count, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(raw in "\\PC*", list in "[a-c@.,;:<>() \"/%mailto?]{0,40}") {
            let _ = (EmailField::read(&raw), EmailField::read(&list));
        }
    }
}
