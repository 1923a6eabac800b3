//! Why a delivery or a reply cannot be parsed.

use super::json_fault::Fault;

/// Why a delivery cannot be parsed. The text never contains its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(Fault),
    /// A header or field that is required is missing.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It belongs to another account of the source.
    #[error("it belongs to another {0}")]
    Foreign(&'static str),
    /// A deletion needs more proof than an unsigned header, which anybody could change.
    #[error("only an unsigned header reports the deletion (see the setting trust_deletion_header)")]
    Unconfirmed,
}

/// What it means that a deletion is not confirmed, for the person who decides about the setting.
const UNCONFIRMED: [&str; 3] = [
    "A signature covers the content of a webhook, but not the header that says what happened. Only this header says that \
     something was deleted, so somebody who recorded an older webhook could have sent it again as a deletion. The service \
     does not apply it, and agents still see what it would delete.",
    "Ask at the source whether it was really deleted. If so, an admin can set trust_deletion_header to true; then replay \
     this webhook. With true, such a header alone is enough: the service applies every deletion without this proof.",
    "So true is not safe against somebody who can record webhooks and send them again. Leave it false if the content of \
     your deletions says so itself, or if the API can confirm them: it can for profiles, transactions, rewards, benefits \
     and interactions, but not for other events.",
];

/// What it means that a delivery belongs to another account of the source.
const FOREIGN: [&str; 2] = [
    "The webhook was accepted, but its content belongs to another account of the source than the one in the settings. The \
     service does not apply it: it could be about the customers of somebody else.",
    "The values below say which account it is: show them. If it is yours, correct the setting that the reason names; then \
     replay this webhook. If it is not, the URL of this brand was entered in the wrong account of the source: remove it \
     there, and discard this webhook.",
];

impl Unreadable {
    /// What a reason means, in paragraphs. Empty if it says so itself.
    #[must_use]
    pub fn explanation_of(reason: &str) -> &'static [&'static str] {
        if reason == Self::Unconfirmed.to_string() {
            &UNCONFIRMED
        } else if reason.starts_with("it belongs to another ") && reason.contains(" than sources.")
        {
            &FOREIGN
        } else {
            &[]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_do_not_explain_themselves_are_explained() {
        let what = "account than sources.some.account";
        let explained = |reason: Unreadable| Unreadable::explanation_of(&reason.to_string());
        assert_eq!(explained(Unreadable::Unconfirmed), UNCONFIRMED);
        assert_eq!(explained(Unreadable::Foreign(what)), FOREIGN);
        for clear in [Unreadable::Foreign("event than its header says"), Unreadable::Missing("id")]
        {
            assert!(explained(clear).is_empty(), "{clear}");
        }
    }
}
