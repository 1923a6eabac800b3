//! Forms of one given name (Bob and Robert, Kees and Cornelis), and names in Latin letters.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use deunicode::deunicode;

/// The rows of the table in which each name occurs.
static FORMS: LazyLock<HashMap<&'static str, Vec<usize>>> = LazyLock::new(|| {
    let mut lines: HashMap<&str, Vec<usize>> = HashMap::new();
    let names = include_str!("given_names.txt").lines().filter(|line| !line.starts_with('#'));
    for (n, line) in names.enumerate() {
        line.split(' ').for_each(|name| lines.entry(name).or_default().push(n));
    }
    lines
});

/// Whether two folded given names are forms of the same name.
pub(crate) fn are_forms_of_one(one: &str, other: &str) -> bool {
    let Some((lines, others)) = FORMS.get(one).zip(FORMS.get(other)) else { return false };
    lines.iter().any(|line| others.contains(line))
}

/// Whether a folded word is a known given name.
pub(crate) fn is_given_name(word: &str) -> bool {
    FORMS.contains_key(word)
}

/// Letters that some languages write as two and others as one.
const TWO_FOR_ONE: [(&str, &str); 4] = [("aa", "a"), ("ae", "a"), ("oe", "o"), ("ue", "u")];

/// A folded name in Latin letters: Анна becomes anna, Aase and Åse become the same.
pub(crate) fn latin(folded: &str) -> Cow<'_, str> {
    let ascii = if folded.is_ascii() {
        Cow::Borrowed(folded)
    } else {
        Cow::Owned(deunicode(folded).to_lowercase())
    };
    let in_one = |text: Cow<'_, str>| {
        TWO_FOR_ONE.iter().fold(text.into_owned(), |text, (two, one)| text.replace(two, one))
    };
    if TWO_FOR_ONE.iter().any(|(two, _)| ascii.contains(two)) {
        Cow::Owned(in_one(ascii))
    } else {
        ascii
    }
}

/// Whether two folded names are the same in Latin letters. Two names in the same other script are compared in that
/// script: 伟 and 薇 are both "Wei", but differ.
pub(crate) fn are_one_in_latin(one: &str, other: &str) -> bool {
    (one.is_ascii() || other.is_ascii())
        && (latin(one) == latin(other) || are_romanised_alike(one, other))
}

/// Whether two folded names match if one of them is not in Latin letters. Some names have several transliterations,
/// such as Юлия.
fn are_romanised_alike(one: &str, other: &str) -> bool {
    let romanised = |name: &str| {
        let letters: String = latin(name).chars().filter(|c| c.is_alphabetic()).collect();
        ROMANISED.iter().fold(letters, |text, (from, to)| text.replace(from, to))
    };
    one.is_ascii() != other.is_ascii() && romanised(one) == romanised(other)
}

/// Letters with the same meaning in the usual transliterations.
const ROMANISED: [(&str, &str); 6] =
    [("kh", "h"), ("ks", "x"), ("j", "i"), ("y", "i"), ("iie", "ie"), ("ii", "i")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_name_are_known_and_others_are_not() {
        for (one, other) in [
            ("bob", "robert"),
            ("jan", "johannes"),
            ("liesbeth", "elisabeth"),
            ("kees", "cornelis"),
            ("robert", "bob"),
        ] {
            assert!(are_forms_of_one(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("jan", "piet"),
            ("mario", "maria"),
            ("daniel", "daniela"),
            ("johan", "johanna"),
            ("jan", "janneke"),
            ("x", "x"),
        ] {
            assert!(!are_forms_of_one(one, other), "{one} {other}");
        }
    }

    #[test]
    fn the_table_is_folded_and_says_each_thing_once() {
        let mut seen = std::collections::BTreeSet::new();
        for line in include_str!("given_names.txt").lines().filter(|line| !line.starts_with('#')) {
            let names: Vec<&str> = line.split(' ').collect();
            assert!(names.len() > 1 && seen.insert(line), "{line}");
            for name in names {
                assert_eq!(crate::customer::model::folding::fold_words(name), [name], "{line}");
            }
        }
    }

    #[test]
    fn another_alphabet_has_several_spellings() {
        for (name, spellings) in [
            ("мария", &["maria", "mariya"][..]),
            ("юлия", &["yulia", "julia", "iuliia"]),
            ("сергеи", &["sergey", "sergei"]),
            ("алексеи", &["alexey", "aleksei"]),
            ("дмитрии", &["dmitry", "dmitri", "dmitrii"]),
            ("ольга", &["olga"]),
            ("наталья", &["natalia", "natalya"]),
            ("христо", &["hristo", "khristo"]),
        ] {
            for spelling in spellings {
                assert!(are_one_in_latin(name, spelling), "{name} {spelling}");
            }
        }
        assert!(!are_one_in_latin("мария", "marina") && !are_one_in_latin("julia", "iulia"));
        assert!(are_one_in_latin("伟", "wei") && !are_one_in_latin("伟", "薇"));
    }

    #[test]
    fn names_are_written_in_latin_letters() {
        for (name, other) in [
            ("анна", "anna"),
            ("ase", "aase"),
            ("jurgen", "juergen"),
            ("иванова", "ivanova"),
            ("γιωργος", "giorgos"),
        ] {
            assert_eq!(latin(name), latin(other), "{name} {other}");
        }
    }
}
