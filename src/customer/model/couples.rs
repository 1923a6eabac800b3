//! Accounts of couples and families: which given names they have.

use std::collections::BTreeSet;

use super::folding::fold_words;

/// Words between the given names of two people. They count in every text. The words of `AND_IN_GIVEN_NAMES` count only
/// inside a given name, because they are also part of family names (`Ortega y Gasset`).
const AND: [&str; 12] = ["&", "+", "/", "en", "und", "u.", "et", "and", "og", "och", "ve", "plus"];

pub(super) const AND_IN_GIVEN_NAMES: [&str; 3] = ["y", "e", "i"];

/// Words for a family before its family name.
const FAMILIES: [&str; 7] = ["familie", "family", "fam", "gezin", "famille", "familia", "famiglia"];

/// The given names of a couple's account. `None` for the account of one person.
pub(super) fn given_names(first: &str) -> Option<BTreeSet<String>> {
    if is_family(first) {
        // It stands for the whole family, so it matches no single given name.
        return Some(BTreeSet::from([String::new(), "familie".to_owned()]));
    }
    let spaced = ['&', '+', '/']
        .into_iter()
        .fold(first.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let words: Vec<String> = spaced.split_whitespace().map(str::to_lowercase).collect();
    let is_between = |word: &String| is_and(word) || AND_IN_GIVEN_NAMES.contains(&word.as_str());
    let names: BTreeSet<String> = words
        .split(is_between)
        .map(|name| fold_words(&name.join(" ")).concat())
        .filter(|name| !name.is_empty())
        .collect();
    (names.len() > 1).then_some(names)
}

pub(super) fn is_family(word: &str) -> bool {
    matches!(fold_words(word).as_slice(), [word] if FAMILIES.contains(&word.as_str()))
}

pub(super) fn is_and(word: &str) -> bool {
    AND.contains(&word.to_lowercase().as_str())
}

/// Whether this `y` joins two people. True for `Juan y María García`, false for `Ortega y Gasset`: one word must stand
/// before it, and more than one after it.
pub(super) fn is_and_of_two(words: &[&str], n: usize) -> bool {
    n == 1 && words.len() > 3 && words.get(n).is_some_and(|word| AND_IN_GIVEN_NAMES.contains(word))
}

pub(super) fn ends_with_and(first: &str) -> bool {
    first.split_whitespace().skip(1).last().is_some_and(is_and)
}

pub(super) fn begins_with_and(last: &str) -> bool {
    last.split_whitespace().count() > 1 && last.split_whitespace().next().is_some_and(is_and)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_persons_given_names_are_no_couple() {
        assert!(
            given_names("Jan").is_none()
                && given_names("Jan e").is_none()
                && given_names("J. & J.").is_none()
        );
    }
}
