//! Counts different names, with spellings of one name counted once.

use super::union_find::UnionFind;
use crate::customer::model::folded_name::FoldedName;

/// Counts the different names that hold a value. Spellings of one name count once. Of two spellings, the shorter one
/// does not count; the others are counted in groups.
#[must_use]
pub fn count_different(names: &[FoldedName]) -> usize {
    let parts =
        |name: &FoldedName| u8::from(name.has_first()).saturating_add(u8::from(name.has_last()));
    let is_lesser = |name: &FoldedName| {
        names.iter().any(|other| {
            let says_less = parts(name) < parts(other)
                || (parts(name) == parts(other) && name.is_short_for(other));
            says_less && name.is_spelling_of(other)
        })
    };
    let own: Vec<&FoldedName> =
        names.iter().filter(|name| name.is_known() && !is_lesser(name)).collect();
    let mut partition = UnionFind::new(own.len());
    for (n, name) in own.iter().enumerate() {
        let agreeing = own
            .iter()
            .enumerate()
            .skip(n.saturating_add(1))
            .filter(|(_, other)| name.is_spelling_of(other));
        agreeing.for_each(|(other, _)| partition.join_all(&[n, other]));
    }
    partition.groups(&(0..own.len()).collect::<Vec<_>>()).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::name::PersonName;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName::new(Some(first), Some(last)).folded()
    }

    #[test]
    fn spellings_count_once() {
        let count = |names: &[FoldedName]| count_different(names);
        assert_eq!(
            count(&[
                name("Thomas", "Smit"),
                name("T.", "Smit"),
                name("Thomas", ""),
                name("", "Smit"),
                name("Thomsa", "Smit"),
                name("TOM", "Jansen")
            ]),
            2
        );
        assert_eq!(count(&[name("Jan", "Smit"), name("J.", "Smit"), name("Joost", "Smit")]), 2);
        assert_eq!(count(&[name("Anna", ""), name("", "Smit"), name("Bert", "")]), 3);
        assert_eq!(count(&[name("Bob", "Smith"), name("Robert", "Smith")]), 2);
    }
}
