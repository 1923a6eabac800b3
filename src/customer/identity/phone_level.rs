//! Forbidden pairs on the phone level: clusters with one phone are two people if their names disagree, or if both have
//! e-mail addresses and none in common, unless both are named and agree in full.
//!
//! - Forms of one first name (Bob and Robert) are one person on a mobile phone, if the family names do not differ. On a
//!   fixed line they may be a father and his son.
//! - Two people with different mailboxes may be joined if a mailbox consists of the whole name of the other, or both
//!   mailboxes have the same letters, which are more than one part of a name. If the first names only look alike, the
//!   mailbox must contain the first name itself.
//! - The same first name with different family names is one person if a mailbox consists of the whole name of the
//!   other: the person married.

use super::cluster::{Cluster, Names, have_none_in_common};
use super::conflict::Conflict;
use super::counted_names::{counted, keep_those_with};
use super::evidence::Held;
use super::name_agreement::OnLine;
use super::name_verdict::NameVerdict;
use super::names_in_mailboxes::are_written_alike;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::phone::Phone;

/// Compares names on a phone line. If several lines connect the clusters (`line` is `None`), a mobile phone may be among
/// them.
pub(crate) fn compare(ours: &Names<'_>, theirs: &Names<'_>, line: Option<Held<'_>>) -> NameVerdict {
    let [mut a, mut b] = [ours, theirs].map(|names| counted(names, FoldedName::is_short_for));
    keep_those_with(FoldedName::has_first, &mut a, &mut b);
    keep_those_with(FoldedName::has_last, &mut a, &mut b);
    let best = a.iter().flat_map(|a| b.iter().map(|b| a.on_line(b))).max();
    match best.unwrap_or(OnLine::AsFarAsKnown) {
        OnLine::InFull => NameVerdict::Agree { in_full: true },
        OnLine::AsFarAsKnown => {
            NameVerdict::disagree_unless(Conflict::EmailAddresses, may_have_one_mailbox)
        }
        OnLine::Alike => {
            NameVerdict::disagree_unless(Conflict::EmailAddresses, may_have_one_exact_mailbox)
        }
        OnLine::Forms if line.is_none_or(is_mobile) => {
            NameVerdict::disagree_unless(Conflict::EmailAddresses, may_have_one_mailbox)
        }
        OnLine::FirstName => NameVerdict::disagree_unless(Conflict::Names, have_married),
        OnLine::Forms | OnLine::Different => NameVerdict::disagree(Conflict::Names),
    }
}

fn is_mobile(line: Held<'_>) -> bool {
    line.address()
        .is_some_and(|line| Phone::parse_e164(&line.value).is_ok_and(|phone| phone.is_mobile()))
}

/// Whether at least one side has no mailbox, they have a mailbox in common, or their mailboxes show one person.
fn may_have_one_mailbox(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    !have_none_in_common(&a.emails, &b.emails) || are_known_by_mailbox(a, b)
}

/// Whether at least one side has no mailbox, they have a mailbox in common, or a mailbox of one consists of the first
/// and family name of the other.
fn may_have_one_exact_mailbox(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    !have_none_in_common(&a.emails, &b.emails)
        || has_name_of(a, b, FoldedName::is_spelled_in)
        || has_name_of(b, a, FoldedName::is_spelled_in)
}

/// Whether a mailbox of one consists of the whole name of the other.
fn have_married(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    has_name_of(a, b, FoldedName::is_written_in) || has_name_of(b, a, FoldedName::is_written_in)
}

/// Whether a mailbox of one consists of the whole name of the other, or two mailboxes have the same letters, which are
/// more than a first or a family name.
fn are_known_by_mailbox(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_half =
        |mailbox: &Identifier| a.names.union(&b.names).any(|name| name.is_half_in(&mailbox.value));
    let is_alike = |one: &Identifier, other: &Identifier| {
        are_written_alike(&one.value, &other.value) && !is_half(one)
    };
    has_name_of(a, b, FoldedName::is_written_in)
        || has_name_of(b, a, FoldedName::is_written_in)
        || a.emails.iter().any(|one| b.emails.iter().any(|other| is_alike(one, other)))
}

/// Whether a mailbox of the first cluster contains a name of the second.
fn has_name_of(a: &Cluster<'_>, b: &Cluster<'_>, has: fn(&FoldedName, &str) -> bool) -> bool {
    b.names.iter().any(|name| a.emails.iter().any(|mailbox| has(name, &mailbox.value)))
}
