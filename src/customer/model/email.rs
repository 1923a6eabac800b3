//! E-mail addresses in one canonical form, used for storing and for looking up.
//!
//! RFC 5321 addr-spec with internationalised mailboxes (RFC 6531) and domains (UTS 46). Canonical: the domain mapped to
//! its ASCII form, the local part NFC and lower-cased. No plus- or dot-stripping: it would merge strangers.

use std::fmt;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use mailparse::MailAddr;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::placeholder::{Sort, is_placeholder};
use super::text;

/// RFC 5321 4.5.3.1: octets of a local part and of a whole address (a path of 256 less its angle brackets).
const MAX_LOCAL: usize = 64;
const MAX_ADDRESS: usize = 254;

/// An e-mail address in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

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

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct EmailError;

impl Email {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// Parses an address.
    ///
    /// # Errors
    /// If the text is not an address, has no dot in its domain, or is an address literal.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let raw = raw.trim();
        if raw.len() > MAX_ADDRESS * 4 || raw.chars().any(char::is_control) {
            return Err(EmailError);
        }
        let (local, domain) = raw.rsplit_once('@').ok_or(EmailError)?;
        let local: String = local.nfc().flat_map(char::to_lowercase).nfc().collect();
        // Two hyphens in the third place are allowed (`r2---sn.mail.example`): many such domains exist.
        let domain = Uts46::new().to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        );
        let domain = domain.map_err(|_| EmailError)?;
        let last_label = domain.rsplit('.').next().unwrap_or_default();
        if !domain.contains('.')
            || last_label.bytes().all(|b| b.is_ascii_digit())
            || local.len() > MAX_LOCAL
        {
            return Err(EmailError);
        }
        let address = format!("{local}@{domain}");
        let options =
            Options::default().without_display_text().without_domain_literal().with_required_tld();
        if address.len() > MAX_ADDRESS
            || EmailAddress::parse_with_options(&address, options).is_err()
        {
            return Err(EmailError);
        }
        Ok(Self(address))
    }
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
                Err(_) => field.has_unread |= !is_placeholder(Sort::Address, &address),
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
    let Ok(list) = mailparse::addrparse(text) else {
        // The name before the address should be quoted, but is not.
        let in_brackets: Vec<String> = text
            .split('<')
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
            .collect();
        return match in_brackets.as_slice() {
            // An entry that cannot be parsed does not discard the rest of the list.
            [] if !text.contains('"') => text
                .split([',', ';'])
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect(),
            [] => vec![text.to_owned()],
            // Text behind the last address is not a name.
            _ => in_brackets
                .into_iter()
                .chain(
                    text.rsplit_once('>')
                        .map(|(_, rest)| rest.trim_matches([',', ';', ' ']).to_owned()),
                )
                .collect(),
        };
    };
    let mut addresses = Vec::new();
    for entry in list.iter() {
        match entry {
            MailAddr::Single(single) => addresses.push(single.addr.clone()),
            MailAddr::Group(group) => {
                addresses.extend(group.addrs.iter().map(|single| single.addr.clone()))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox_has_one_form() {
        for (raw, canonical) in [
            ("Thomas@Example.ORG", "thomas@example.org"),
            (" thomas@example.org ", "thomas@example.org"),
            ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
            ("jo\u{308}rg@BÜCHER.example", "jörg@xn--bcher-kva.example"),
            ("用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d"),
            ("a+b.c@example.org", "a+b.c@example.org"),
            ("o'brien@example.org", "o'brien@example.org"),
            ("a@example。org", "a@example.org"),
        ] {
            assert_eq!(Email::parse(raw).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for raw in [
            "",
            "a",
            "@",
            "a@",
            "@example.org",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a..b@example.org",
            ".a@example.org",
            "a.@example.org",
            "Name <a@example.org>",
            "a@example.org,b@example.org",
            "a b@example.org",
            "a@exa mple.org",
            "a@example..org",
            "a@-example.org",
            "[Email]",
            "{{address}}",
            "a@example.org\r\nx",
            "mailto:a@example.org@",
        ] {
            assert!(Email::parse(raw).is_err(), "{raw}");
        }
        assert!(Email::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(Email::parse(&format!("a@{}org", "a.".repeat(130))).is_err());
    }

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
        fn the_canonical_form_is_its_own_canonical_form(raw in "\\PC{1,12}@[a-zA-Zéü]{1,8}\\.[a-z]{2,4}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn hostile_text_never_panics(raw in "\\PC*", list in "[a-c@.,;:<>() \"/%mailto?]{0,40}") {
            let _ = (Email::parse(&raw), EmailField::read(&raw), EmailField::read(&list));
        }
    }
}
