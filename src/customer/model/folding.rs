//! Words of names in comparable form, and suffixes that distinguish people with the same name.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::particles::PARTICLES;

/// Words that distinguish a father from a son with the same name, at the end of any part of a name.
const GENERATIONS: [(&str, u8); 18] = [
    ("sr", 1),
    ("senior", 1),
    ("snr", 1),
    ("1st", 1),
    ("de oude", 1),
    ("the elder", 1),
    ("der altere", 1),
    ("jr", 2),
    ("junior", 2),
    ("jnr", 2),
    ("ii", 2),
    ("2nd", 2),
    ("de jonge", 2),
    ("the younger", 2),
    ("der jungere", 2),
    ("iii", 3),
    ("3rd", 3),
    ("iv", 4),
];

/// Such words that count behind a family name only, because some of them are also names (Neto).
const GENERATIONS_BEHIND_FAMILY_NAMES: [(&str, u8); 13] = [
    ("i", 1),
    ("v", 5),
    ("iunior", 2),
    ("pere", 1),
    ("vader", 1),
    ("padre", 1),
    ("pai", 1),
    ("fils", 2),
    ("zoon", 2),
    ("hijo", 2),
    ("filho", 2),
    ("neto", 3),
    ("nieto", 3),
];

/// Short forms that need their dots: Şen and Jun without a dot are names.
const SHORT_GENERATIONS: [(&str, &str); 4] =
    [("sen.", "senior"), ("jun.", "junior"), ("d.ä.", "der ältere"), ("d.j.", "der jüngere")];

/// A part of a name in folded words. Abbreviated generation words are written out.
pub(crate) fn fold_name(text: &str) -> Vec<String> {
    let written_out = |word: &str| {
        let lower = word.to_lowercase();
        let known = SHORT_GENERATIONS.iter().find(|(short, _)| *short == lower);
        fold_words(known.map_or(word, |(_, long)| long))
    };
    let mut words = text.split_whitespace();
    let last = words.next_back();
    let mut folded = fold_words(&words.collect::<Vec<_>>().join(" "));
    folded.extend(last.into_iter().flat_map(written_out));
    folded
}

/// Whether a text consists of generation words only.
pub(crate) fn is_generation(text: &str) -> bool {
    let words = fold_name(text).join(" ");
    GENERATIONS.iter().chain(&GENERATIONS_BEHIND_FAMILY_NAMES).any(|(known, _)| *known == words)
}

/// Whether a text consists of words that mean a generation behind a family name only, because they may be names.
pub(crate) fn is_family_generation(text: &str) -> bool {
    let words = fold_words(text).join(" ");
    GENERATIONS_BEHIND_FAMILY_NAMES.iter().any(|(known, _)| *known == words)
}

/// Removes the generation word at the end of a part of a name, unless nothing else is left.
pub(crate) fn take_generation(words: &mut Vec<String>) -> Option<u8> {
    take(words, &GENERATIONS)
}

/// Removes a generation word that counts behind a family name only.
pub(crate) fn take_family_generation(words: &mut Vec<String>) -> Option<u8> {
    take(words, &GENERATIONS_BEHIND_FAMILY_NAMES)
}

fn take(words: &mut Vec<String>, known: &[(&str, u8)]) -> Option<u8> {
    let (ends, generation) = known.iter().find_map(|(text, generation)| {
        let length = text.split(' ').count();
        let (rest, end) = words.split_at_checked(words.len().checked_sub(length)?)?;
        let is_left = rest.iter().any(|word| !PARTICLES.contains(&word.as_str()));
        (is_left && end.join(" ") == *text).then_some((rest.len(), *generation))
    })?;
    words.truncate(ends);
    Some(generation)
}

/// The words in lower case, without diacritics and punctuation.
pub(crate) fn fold_words(text: &str) -> Vec<String> {
    let bare = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        text.nfkd().filter(|c| !is_combining_mark(*c)).collect()
    };
    let mut folded = String::with_capacity(text.len());
    for c in bare.chars().flat_map(char::to_lowercase) {
        match c {
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            c if is_combining_mark(c) => {}
            '\'' | '’' | 'ʼ' => {}
            c if c.is_alphanumeric() => folded.push(c),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().map(str::to_owned).collect()
}

/// Whether two words differ only in doubled letters: Luuk is Luk, Emma is Ema.
pub(crate) fn differ_in_doubled_letters(a: &str, b: &str) -> bool {
    let once = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.dedup();
        letters
    };
    once(a) == once(b)
}

/// Whether two names of four letters or more differ by one letter that is added, missing, replaced or swapped. Not for
/// scripts without vowels: there, one letter distinguishes Ahmed (أحمد) from Mohammed (محمد). Not for words with
/// digits: each digit counts.
pub(crate) fn one_edit_apart(a: &str, b: &str) -> bool {
    let (long_a, long_b) = (a.chars().count(), b.chars().count());
    let is_exact =
        |name: &str| name.chars().any(|c| c.is_numeric() || matches!(c, '\u{0590}'..='\u{08FF}'));
    long_a >= 4
        && long_b >= 4
        && !is_exact(a)
        && !is_exact(b)
        && long_a.abs_diff(long_b) <= 1
        && strsim::osa_distance(a, b) <= 1
}
