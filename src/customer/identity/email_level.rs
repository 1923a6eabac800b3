//! Forbidden pairs on the e-mail level: clusters with one mailbox are two people if their first names disagree.
//!
//! - Forms of one first name (Bob and Robert) are one person on a mailbox, if the family names do not differ.
//! - First names that only look alike are one person if the mailbox contains the name of one side, or if the phone
//!   numbers do not differ.
//! - A name without a first name has a say only where the other side has none either. A record without a first name
//!   joins a first name that the mailbox contains.
//! - A first name in one record and a family name in another are one name if the mailbox contains both.

use super::cluster::{Cluster, Names, have_none_in_common};
use super::conflict::Conflict;
use super::counted_names::{counted, keep_those_with};
use super::evidence::Held;
use super::name_verdict::NameVerdict;
use super::rules::IdentityRules;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind};

/// Compares names on a mailbox. If several values connect the clusters (`mailbox` is `None`), only names that disagree
/// on every mailbox count.
pub(crate) fn compare(
    ours: &Names<'_>,
    theirs: &Names<'_>,
    mailbox: Option<&MailboxNames<'_>>,
    rules: &IdentityRules,
) -> NameVerdict {
    let [mut a, mut b] =
        [ours, theirs].map(|names| counted(names, FoldedName::has_short_first_for));
    keep_those_with(FoldedName::has_first, &mut a, &mut b);
    let agrees = |alike_counts: bool| {
        a.is_empty()
            || b.is_empty()
            || a.iter().any(|a| b.iter().any(|b| a.agrees_on_mailbox(b, alike_counts)))
    };
    if !agrees(true) {
        if a.iter().chain(&b).any(|name| !name.has_first()) {
            return NameVerdict::disagree_unless(Conflict::FirstNames, have_mailbox_of_both);
        }
        return NameVerdict::disagree(Conflict::FirstNames);
    }
    if rules.email_link_requires_first_name
        && mailbox.is_some_and(|mailbox| mailbox.lacks_only_first_name(ours, theirs))
    {
        return NameVerdict::disagree_unless(Conflict::NoFirstName, have_mailbox_of_both);
    }
    if agrees(false) || mailbox.is_none_or(|mailbox| mailbox.contains_one_of(ours, theirs)) {
        let in_full = a.iter().any(|a| b.iter().any(|b| a.first_is_known_to_agree(b)));
        NameVerdict::Agree { in_full }
    } else {
        NameVerdict::disagree_unless(Conflict::FirstNames, may_have_one_phone)
    }
}

/// The names of a mailbox's holders that the mailbox contains.
pub(crate) struct MailboxNames<'a>(Vec<&'a FoldedName>);

impl<'a> MailboxNames<'a> {
    /// `None` if the value is not an e-mail address.
    pub(crate) fn new(value: Option<Held<'_>>, holders: &[&Names<'a>]) -> Option<Self> {
        let Identifier { kind: IdentifierKind::Email, value: email } = value?.address()? else {
            return None;
        };
        let named = holders.iter().copied().flatten().copied().filter(|name| name.has_first());
        Some(Self(named.filter(|name| name.is_borne_by(email)).collect()))
    }

    /// Whether only one side has a first name, it agrees with no name of the other side, and the mailbox does not
    /// contain it or a name of another holder that agrees with it.
    fn lacks_only_first_name(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        let has_first = |names: &Names<'_>| names.iter().any(|name| name.has_first());
        let (with, without) = if has_first(ours) { (ours, theirs) } else { (theirs, ours) };
        let agrees = || with.iter().any(|a| without.iter().any(|b| a.first_is_known_to_agree(b)));
        has_first(ours) != has_first(theirs) && !self.contains_spelling_of(with) && !agrees()
    }

    fn contains_spelling_of(&self, names: &Names<'_>) -> bool {
        names.iter().any(|name| {
            self.0.iter().any(|known| known == name || known.first_is_known_to_agree(name))
        })
    }

    /// Whether the mailbox contains a name of one side. Then names that look alike on it count as one.
    fn contains_one_of(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        self.0.iter().any(|known| ours.contains(*known) || theirs.contains(*known))
    }
}

/// Whether a common mailbox consists of the first name of one and the family name of the other.
fn have_mailbox_of_both(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_of = |mailbox: &Identifier, first: &Names<'_>, last: &Names<'_>| {
        first
            .iter()
            .any(|first| last.iter().any(|last| first.is_written_with(last, &mailbox.value)))
    };
    a.emails
        .intersection(&b.emails)
        .any(|mailbox| is_of(mailbox, &a.names, &b.names) || is_of(mailbox, &b.names, &a.names))
}

/// Whether at least one side has no phone number, or they have one in common.
fn may_have_one_phone(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    !have_none_in_common(&a.phones, &b.phones)
}
