//! Mailboxes that belong to a role or a family, not to one person.

/// Mailboxes of roles (RFC 2142 and usage), and greetings, in the languages of the brands.
const ROLES: [&str; 50] = [
    "abuse",
    "accounts",
    "admin",
    "administratie",
    "billing",
    "bonjour",
    "ciao",
    "contact",
    "contacto",
    "customerservice",
    "do-not-reply",
    "donotreply",
    "finance",
    "hallo",
    "hello",
    "help",
    "helpdesk",
    "hi",
    "hoi",
    "hola",
    "hostmaster",
    "hr",
    "info",
    "information",
    "invoice",
    "jobs",
    "klantenservice",
    "kontakt",
    "kundenservice",
    "mail",
    "mailer-daemon",
    "marketing",
    "no-reply",
    "noreply",
    "office",
    "postmaster",
    "privacy",
    "receptie",
    "reception",
    "root",
    "sales",
    "salut",
    "security",
    "service",
    "support",
    "team",
    "webmaster",
    "welcome",
    "welkom",
    "willkommen",
];

/// Beginnings of family mailboxes. The whole local part may be one of these, or the family's name follows.
const FAMILIES: [&str; 12] = [
    "familie",
    "family",
    "famille",
    "familia",
    "famiglia",
    "familien",
    "familjen",
    "rodzina",
    "ailesi",
    "huishouden",
    "haushalt",
    "thefamily",
];

/// Beginnings of family mailboxes that need a sign or digit after them, because names begin with them (`famke@`).
const SHORT_FAMILIES: [&str; 4] = ["fam", "aile", "gezin", "huize"];

/// Whether a mailbox (the local part of an address) belongs to a role or a family.
pub(crate) fn is_of_nobody(local: &str) -> bool {
    let mailbox = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
    let is_sign = |rest: &str| !rest.starts_with(char::is_alphabetic);
    ROLES.contains(&mailbox)
        || FAMILIES.iter().any(|family| mailbox.starts_with(family))
        || SHORT_FAMILIES.iter().any(|family| mailbox.strip_prefix(family).is_some_and(is_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_families_are_nobody() {
        for nobody in [
            "info",
            "hallo",
            "info+x",
            "familie.hart3580",
            "familiehart",
            "fam.hart",
            "fam-hart",
            "fam",
            "gezin.devries",
            "family_smith",
            "famille.dubois",
            "fam12",
        ] {
            assert!(is_of_nobody(nobody), "{nobody}");
        }
        for person in [
            "famke",
            "fama.b",
            "hhassan",
            "information.anna",
            "j.fam",
            "anna",
            "teamo",
            "gezina",
            "huizenga",
        ] {
            assert!(!is_of_nobody(person), "{person}");
        }
    }
}
