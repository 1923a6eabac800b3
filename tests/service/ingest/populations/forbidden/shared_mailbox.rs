//! People who share a mailbox.

use super::*;

/// The first names that a mailbox contains, among those of its holders `who`. `None` if it is not a mailbox.
pub(super) fn mailbox_of<'a>(
    snapshot: &'a OracleSnapshot,
    on: Option<(&Identifier, &BTreeSet<usize>)>,
) -> Option<Vec<&'a FoldedName>> {
    let (value, who) = on.filter(|(value, _)| value.kind == IdentifierKind::Email)?;
    Some(borne_by(value, &of(snapshot, who)))
}

/// Whether a mailbox contains a name of one of two groups.
pub(super) fn is_own_mailbox(borne: &[&FoldedName], left: &[&Person], right: &[&Person]) -> bool {
    borne.iter().any(|name| all_names(left).contains(name) || all_names(right).contains(name))
}

/// The first names that a mailbox contains.
fn borne_by<'a>(mailbox: &Identifier, people: &[&'a Person]) -> Vec<&'a FoldedName> {
    all_names(people)
        .into_iter()
        .filter(|name| name.has_first() && name.is_borne_by(&mailbox.value))
        .collect()
}

/// Names that only look alike do not count between people with different phones, unless the mailbox contains one of the
/// names.
pub(super) fn names_disagree_on_mailbox(
    left: &[&Person],
    right: &[&Person],
    borne: Option<&[&FoldedName]>,
) -> bool {
    let alike_counts = borne.is_none_or(|borne| is_own_mailbox(borne, left, right))
        || !have_different(IdentifierKind::Phone, left, right);
    let (ours, theirs) = where_both_have(
        names(left, FoldedName::has_short_first_for),
        names(right, FoldedName::has_short_first_for),
        FoldedName::has_first,
    );
    let is_half = ours.iter().chain(&theirs).any(|name| !name.has_first());
    none_agree(&ours, &theirs, |a, b| a.agrees_on_mailbox(b, alike_counts))
        && !(is_half && is_mailbox_of_both(left, right))
}

/// One side has no first name, no name of it agrees with the other, and the mailbox contains neither the other's name
/// nor a name that agrees with it.
pub(super) fn bears_nobody(borne: &[&FoldedName], left: &[&Person], right: &[&Person]) -> bool {
    let (ours, theirs) = (all_names(left), all_names(right));
    let with_first = |names: &[&FoldedName]| names.iter().any(|name| name.has_first());
    let named = if with_first(&ours) { &ours } else { &theirs };
    let is_borne =
        any_pair(named, borne, |name, borne| name == borne || borne.first_is_known_to_agree(name));
    with_first(&ours) != with_first(&theirs)
        && !any_pair(&ours, &theirs, FoldedName::first_is_known_to_agree)
        && !is_borne
        && !is_mailbox_of_both(left, right)
}

/// Whether a mailbox of both consists of the first name of one and the family name of the other.
pub(super) fn is_mailbox_of_both(left: &[&Person], right: &[&Person]) -> bool {
    let (ours, theirs) =
        (values(IdentifierKind::Email, left), values(IdentifierKind::Email, right));
    let is_of = |mailbox: &Identifier| {
        any_pair(&all_names(left), &all_names(right), |a, b| {
            a.is_written_with(b, &mailbox.value) || b.is_written_with(a, &mailbox.value)
        })
    };
    ours.intersection(&theirs).any(is_of)
}

/// Whether a mailbox of one group consists of the whole name of the other.
pub(super) fn has_in_mailbox(
    left: &[&Person],
    right: &[&Person],
    has: fn(&FoldedName, &str) -> bool,
) -> bool {
    let mailboxes = values(IdentifierKind::Email, left);
    all_names(right).iter().any(|name| mailboxes.iter().any(|mailbox| has(name, &mailbox.value)))
}

/// Whether mailboxes show that two groups without a common mailbox are not strangers: one consists of the other's name,
/// or both have the same letters, which are more than a first or a family name alone.
pub(super) fn are_known_by_mailbox(left: &[&Person], right: &[&Person]) -> bool {
    let is_half = |mailbox: &Identifier| {
        [left, right].into_iter().flat_map(all_names).any(|name| name.is_half_in(&mailbox.value))
    };
    let letters = |mailbox: &Identifier| {
        let local = mailbox.value.rsplit_once('@').map_or("", |(local, _)| local);
        let letters: String =
            local.split('+').next().unwrap().chars().filter(|c| c.is_alphabetic()).collect();
        [("aa", "a"), ("ae", "a"), ("oe", "o"), ("ue", "u")]
            .iter()
            .fold(letters, |letters, (two, one)| letters.replace(two, one))
    };
    let (ours, theirs) =
        (values(IdentifierKind::Email, left), values(IdentifierKind::Email, right));
    let mut alike = ours.iter().filter(|one| {
        theirs.iter().any(|other| letters(one) == letters(other)) && letters(one).len() >= 5
    });
    has_in_mailbox(left, right, FoldedName::is_written_in)
        || has_in_mailbox(right, left, FoldedName::is_written_in)
        || alike.any(|one| !is_half(one))
}
