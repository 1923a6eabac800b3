//! Blocked values: placeholders, role mailboxes, and values that the settings name. They find customers, but never link.

use std::collections::BTreeSet;

use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::mailbox::is_of_nobody;
use crate::customer::model::placeholder::{ValueKind, is_placeholder};

/// Values that identify nobody. They find customers, but never link.
#[derive(Debug, Clone, Default)]
pub struct Blocklist {
    /// Local parts of role mailboxes, in addition to the built-in ones.
    pub mailboxes: BTreeSet<String>,
    /// Whole values, in canonical form.
    pub values: BTreeSet<String>,
}

impl Blocklist {
    /// Whether the list stops a value from linking.
    #[must_use]
    pub fn blocks(&self, identifier: &Identifier) -> bool {
        let value = identifier.value.as_str();
        let bare = if identifier.kind == IdentifierKind::Reference {
            value.rsplit(':').next().unwrap_or(value)
        } else {
            value
        };
        let bare = bare.to_lowercase();
        let local = if identifier.kind == IdentifierKind::Email {
            value.rsplit_once('@').map(|(local, _)| local)
        } else {
            None
        };
        is_placeholder(ValueKind::Id, bare.trim_start_matches('+'))
            || bare == "test"
            || self.values.contains(value)
            || local.is_some_and(|local| {
                let local = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
                is_placeholder(ValueKind::Address, local)
                    || local == "test"
                    || is_of_nobody(local)
                    || self.mailboxes.contains(local)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_name_nobody_are_blocked() {
        let list = Blocklist {
            mailboxes: ["balie".to_owned()].into(),
            values: ["+31201234567".to_owned()].into(),
        };
        let of = |kind, value: &str| Identifier { kind, value: value.to_owned() };
        for blocked in [
            "test@example.org",
            "info@example.org",
            "info+x@example.org",
            "anonymous@example.org",
            "balie@example.org",
        ] {
            assert!(list.blocks(&of(IdentifierKind::Email, blocked)), "{blocked}");
        }
        assert!(list.blocks(&of(IdentifierKind::Phone, "+31201234567")));
        assert!(list.blocks(&of(IdentifierKind::Reference, "omneo.profile:0000-0000")));
        assert!(list.blocks(&of(IdentifierKind::Twitter, "null")));
        assert!(!list.blocks(&of(IdentifierKind::Email, "thomas@example.org")));
        assert!(!list.blocks(&of(IdentifierKind::Email, "tester@example.org")));
    }
}
