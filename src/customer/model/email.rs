//! E-mail addresses in one canonical form, used for storing and for looking up.
//!
//! RFC 5321 addr-spec with internationalised mailboxes (RFC 6531) and domains (UTS 46). Canonical: the domain mapped to
//! its ASCII form, the local part NFC and lower-cased. No plus- or dot-stripping: it would merge strangers.

use std::fmt;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

/// RFC 5321 4.5.3.1: octets of a local part and of a whole address (a path of 256 less its angle brackets).
const MAX_LOCAL: usize = 64;
pub(super) const MAX_ADDRESS: usize = 254;

/// An e-mail address in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
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
        let local = if local.is_ascii() {
            local.to_ascii_lowercase()
        } else {
            local.nfc().flat_map(char::to_lowercase).nfc().collect()
        };
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

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(raw in "\\PC{1,12}@[a-zA-Zéü]{1,8}\\.[a-z]{2,4}") {
            if let Ok(email) = Email::parse(&raw) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn hostile_text_never_panics(raw in "\\PC*", list in "[a-c@.,;:<>() \"/%mailto?]{0,40}") {
            let _ = (Email::parse(&raw), Email::parse(&list));
        }
    }
}
