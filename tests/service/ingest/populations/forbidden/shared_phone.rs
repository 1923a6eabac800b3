//! People who share a phone number.

use super::*;

pub(super) fn agree_in_full_on_line(a: &FoldedName, b: &FoldedName) -> bool {
    a.on_line(b) == OnLine::InFull
}

/// Whether a group without first names has a reason to be joined with others by e-mail alone.
pub(super) fn bears_somebody(
    snapshot: &OracleSnapshot,
    group: &BTreeSet<usize>,
    others: &BTreeSet<usize>,
) -> bool {
    let (ours, theirs) = (all_names(&of(snapshot, group)), all_names(&of(snapshot, others)));
    let is_reason = |value: &Identifier| {
        value.kind != IdentifierKind::Email
            || theirs.iter().any(|name| name.has_first() && name.is_borne_by(&value.value))
    };
    let mut common = snapshot.evidence[&EvidenceKind::Mailed]
        .iter()
        .filter(|item| !item.holders.is_disjoint(group) && !item.holders.is_disjoint(others));
    ours.iter().any(|name| name.has_first())
        || of(snapshot, others).iter().any(|person| !person.name.has_first())
        || any_pair(&ours, &theirs, FoldedName::first_is_known_to_agree)
        || is_mailbox_of_both(&of(snapshot, group), &of(snapshot, others))
        || common.any(|item| item.value.as_ref().is_some_and(is_reason))
}

/// Forms of one name do not count on a fixed line. A person with another family name may have married, if a mailbox has
/// the old name.
pub(super) fn names_disagree_on_line(
    left: &[&Person],
    right: &[&Person],
    line: Option<&Identifier>,
) -> bool {
    let (ours, theirs) = speaking_on_line(left, right);
    let is_mobile = || line.is_none_or(|line| Phone::parse_e164(&line.value).unwrap().is_mobile());
    let married = || {
        has_in_mailbox(left, right, FoldedName::is_written_in)
            || has_in_mailbox(right, left, FoldedName::is_written_in)
    };
    match ours.iter().flat_map(|a| theirs.iter().map(|b| a.on_line(b))).max() {
        None | Some(OnLine::InFull | OnLine::AsFarAsKnown | OnLine::Alike) => false,
        Some(OnLine::Forms) => !is_mobile(),
        Some(OnLine::FirstName) => !married(),
        Some(OnLine::Different) => true,
    }
}

pub(super) fn speaking_on_line<'a>(
    left: &[&'a Person],
    right: &[&'a Person],
) -> (Vec<&'a FoldedName>, Vec<&'a FoldedName>) {
    let (left, right) = where_both_have(
        names(left, FoldedName::is_short_for),
        names(right, FoldedName::is_short_for),
        FoldedName::has_first,
    );
    where_both_have(left, right, FoldedName::has_last)
}
