//! Which names of a cluster count when it is compared with another one.

use super::cluster::Names;
use crate::customer::model::folded_name::FoldedName;

/// The names that count. A short form does not count next to a fuller name. Otherwise one "E. Smit" would let Erik
/// agree with Emma.
pub(crate) fn counted<'a>(
    names: &Names<'a>,
    is_short_for: fn(&FoldedName, &FoldedName) -> bool,
) -> Vec<&'a FoldedName> {
    if names.len() < 2 {
        return names.iter().copied().collect();
    }
    names
        .iter()
        .copied()
        .filter(|name| !names.iter().any(|fuller| is_short_for(name, fuller)))
        .collect()
}

/// If both sides have names with this part, names without it do not count. Otherwise one incomplete name would let
/// strangers agree.
pub(crate) fn keep_those_with(
    has_part: fn(&FoldedName) -> bool,
    ours: &mut Vec<&FoldedName>,
    theirs: &mut Vec<&FoldedName>,
) {
    if ours.iter().any(|name| has_part(name)) && theirs.iter().any(|name| has_part(name)) {
        ours.retain(|name| has_part(name));
        theirs.retain(|name| has_part(name));
    }
}
