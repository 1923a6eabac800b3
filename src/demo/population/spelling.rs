//! Different spellings of numbers and names by people and systems, and typing errors.

use unicode_normalization::UnicodeNormalization;

use super::seeded_rng::SeededRng;

/// A phone number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Line {
    /// The country code.
    pub code: &'static str,
    /// The digits after the country code.
    pub national: String,
}

impl Line {
    /// The number in E.164.
    pub(super) fn e164(&self) -> String {
        format!("+{}{}", self.code, self.national)
    }

    /// One of the usual spellings. The national spelling is only right inside the country: a foreigner's number in it
    /// is misread.
    pub(super) fn spelled(&self, rng: &mut SeededRng, is_domestic: bool) -> String {
        let Self { code, national } = self;
        let area = if national.starts_with('6') { 1 } else { 2 };
        let (area, rest) = national.split_at_checked(area).unwrap_or((national, ""));
        let pairs = rest
            .chars()
            .collect::<Vec<_>>()
            .chunks(2)
            .map(|pair| pair.iter().collect::<String>())
            .collect::<Vec<_>>()
            .join(" ");
        match (is_domestic, rng.below(10)) {
            (true, 0..=2) => format!("0{national}"),
            (true, 3 | 4) => format!("0{area}-{rest}"),
            (true, 5) => format!("0{area} {pairs}"),
            (true, 6) => format!("(0{area}) {pairs}"),
            (_, 0..=2 | 7) => format!("+{code} {area} {rest}"),
            (_, 3..=5 | 8) => format!("00{code}{national}"),
            _ if *code == "48" => format!("+{code} {pairs}"),
            _ => format!("+{code} (0){area} {pairs}"),
        }
    }
}

/// Latin letters without diacritics, in lower case, and digits. Everything else is removed.
pub(super) fn plain(text: &str) -> String {
    let folded = text.nfkd().flat_map(char::to_lowercase).flat_map(|c| match c {
        'ł' => Some('l'),
        'ı' => Some('i'),
        'ø' => Some('o'),
        'ß' => Some('s'),
        c => c.is_ascii_alphanumeric().then_some(c),
    });
    folded.collect()
}

/// Removes diacritics, as a system that cannot store them does. The rest is unchanged.
pub(super) fn without_marks(text: &str) -> String {
    let bare = text.nfd().filter(|c| !unicode_normalization::char::is_combining_mark(*c));
    bare.map(|c| match c {
        'ł' => 'l',
        'Ł' => 'L',
        'ı' => 'i',
        'ß' => 's',
        c => c,
    })
    .collect()
}

/// `J.W.` for Jan-Willem.
pub(super) fn initials(given: &str) -> String {
    given
        .split([' ', '-'])
        .filter_map(|word| word.chars().next())
        .map(|c| format!("{c}."))
        .collect()
}

/// One typing error, never in the first letter: a letter swapped with its neighbour, left out, doubled or replaced.
pub(super) fn mistyped(rng: &mut SeededRng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 3 {
        return text.to_owned();
    }
    let at = 1 + rng.below(letters.len() - 2);
    match rng.below(4) {
        0 => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        2 => {
            if let Some(letter) = letters.get(at).copied() {
                letters.insert(at, letter);
            }
        }
        _ => {
            let other = rng.pick(&["a", "e", "i", "o", "n", "r", "s", "t"]).chars().next();
            if let (Some(letter), Some(other)) = (letters.get_mut(at), other) {
                *letter = other;
            }
        }
    }
    letters.into_iter().collect()
}

/// One wrong digit, or two digits swapped, among the last six.
pub(super) fn misdialled(rng: &mut SeededRng, line: &Line) -> Line {
    let mut digits: Vec<char> = line.national.chars().collect();
    let at = digits.len().saturating_sub(1 + rng.below(6));
    if rng.happens(500) {
        let digit = rng.below(10).to_string().chars().next();
        if let (Some(slot), Some(digit)) = (digits.get_mut(at), digit) {
            *slot = digit;
        }
    } else if at > 0 {
        digits.swap(at - 1, at);
    }
    Line { code: line.code, national: digits.into_iter().collect() }
}

/// A typing error in the mailbox or, equally often, in the provider's name.
pub(super) fn mistyped_email(rng: &mut SeededRng, email: &str) -> String {
    let Some((mailbox, domain)) = email.split_once('@') else { return email.to_owned() };
    let (provider, rest) = domain.split_once('.').unwrap_or((domain, "example"));
    if rng.happens(500) {
        format!("{}@{domain}", mistyped(rng, mailbox))
    } else {
        format!("{mailbox}@{}.{rest}", mistyped(rng, provider))
    }
}

/// A name with a title before it, or a degree behind it.
pub(super) fn titled(rng: &mut SeededRng, given: &str, family: &str) -> (String, String) {
    const TITLES: [&str; 9] =
        ["Dhr.", "Mevr.", "Mw.", "Mr.", "Drs.", "Dr.", "Ir.", "Prof. Dr.", "Herr"];
    const DEGREES: [&str; 5] = ["MSc", "BSc", "PhD", "M.A.", "MBA"];
    if rng.happens(700) {
        (format!("{} {given}", rng.pick(&TITLES)), family.to_owned())
    } else {
        (given.to_owned(), format!("{family} {}", rng.pick(&DEGREES)))
    }
}

/// A mailbox with extra text, as after copy and paste.
pub(super) fn messy_email(rng: &mut SeededRng, email: &str) -> String {
    match rng.below(8) {
        0 => format!("mailto:{email}"),
        1 => format!("<{email}>"),
        2 => format!("Klant <{email}>"),
        3 => format!("{email}."),
        4 => format!("{email},"),
        5 => format!("\u{200b}{email}"),
        6 => format!("{email}\u{a0}"),
        _ => format!("'{email}'"),
    }
}

/// A number with extra text, as after copy and paste.
pub(super) fn messy_phone(rng: &mut SeededRng, phone: &str) -> String {
    match rng.below(7) {
        0 => format!("tel:{phone}"),
        1 => format!("Tel. {phone}"),
        2 => format!("'{phone}"),
        3 => format!("\u{202d}{phone}\u{202c}"),
        4 => format!("\u{200e}{}", phone.replace(' ', "\u{a0}")),
        5 if phone.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => format!("{phone}.0"),
        _ => format!("whatsapp:{phone}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::phone::Phone;

    #[test]
    fn every_domestic_spelling_is_the_number() {
        let region = "NL".parse().ok();
        let mut rng = SeededRng::new(1);
        for national in ["612345678", "201234567", "701234567"] {
            let line = Line { code: "31", national: national.to_owned() };
            for _ in 0..100 {
                let spelling = line.spelled(&mut rng, true);
                assert_eq!(
                    Phone::normalise(&spelling, region).unwrap().as_str(),
                    line.e164(),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn a_typing_error_is_small() {
        let mut rng = SeededRng::new(2);
        for _ in 0..100 {
            assert!(strsim::osa_distance(&mistyped(&mut rng, "Annemarie"), "Annemarie") <= 1);
        }
        assert_eq!(mistyped(&mut rng, "Jo"), "Jo");
    }

    #[test]
    fn names_are_written_in_the_letters_that_a_system_has() {
        assert_eq!(without_marks("Łukasz Çağrı Weiß"), "Lukasz Cagri Weis");
        assert_eq!(plain("van 't Żółć"), "vantzolc");
        assert_eq!(initials("Jan-Willem"), "J.W.");
    }
}
