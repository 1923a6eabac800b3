//! Relatives with similar names. On one line or mailbox, little distinguishes them.

use super::seeded_rng::SeededRng;

/// How the first two members of a household are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relatives {
    /// Relatives with similar given names.
    Alike(&'static str, &'static str),
    /// A father and a son with the same name.
    Generations(Style),
}

/// How a family distinguishes father and son.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Sr. and Jr.
    Latin,
    /// II and III.
    Numerals,
    /// de oude and de jonge.
    Dutch,
}

/// One of the two relatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub relatives: Relatives,
    pub is_elder: bool,
}

/// The suffix that distinguishes father and son.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suffix {
    pub text: &'static str,
    pub is_elder: bool,
}

/// Given names with the same beginning, or one letter apart.
const ALIKE: &str = "Mario=Maria Daniel=Daniela Paul=Paula Jan=Janneke Christian=Christina Andrea=Andreas Julia=Julian Jan=Janna Hans=Hanna Simon=Simone Martin=Martina Anna=Anne Willem=Willemijn Tom=Tomas Eva=Evi Emma=Emma-Louise Alex=Alexandra";

impl Relatives {
    /// Relatives with similar given names.
    pub(super) fn alike(rng: &mut SeededRng) -> Option<Self> {
        let pairs: Vec<&'static str> = ALIKE.split(' ').collect();
        pairs
            .get(rng.below(pairs.len()))?
            .split_once('=')
            .map(|(one, other)| Self::Alike(one, other))
    }

    /// A father and a son.
    pub(super) fn generations(rng: &mut SeededRng) -> Option<Self> {
        rng.weighted(&[(Style::Latin, 800), (Style::Numerals, 130), (Style::Dutch, 70)])
            .map(Self::Generations)
    }

    /// The place of the household's first or second member. `None` for the others.
    pub(super) const fn place(self, place: usize) -> Option<Place> {
        match place {
            0 => Some(Place { relatives: self, is_elder: true }),
            1 => Some(Place { relatives: self, is_elder: false }),
            _ => None,
        }
    }
}

impl Place {
    /// Whether both have the same name, so that only the suffix distinguishes them.
    pub(super) const fn has_the_others_name(self) -> bool {
        matches!(self.relatives, Relatives::Generations(_))
    }

    /// The suffix of the name.
    pub(super) fn suffix(self, rng: &mut SeededRng) -> Option<Suffix> {
        let Relatives::Generations(style) = self.relatives else { return None };
        let texts: &[&'static str] = match (style, self.is_elder) {
            (Style::Latin, true) => &["Sr.", "Sr", "senior", "sr."],
            (Style::Latin, false) => &["Jr.", "Jr", "junior", "jr."],
            (Style::Numerals, true) => &["II"],
            (Style::Numerals, false) => &["III"],
            (Style::Dutch, true) => &["de oude"],
            (Style::Dutch, false) => &["de jonge"],
        };
        texts.get(rng.below(texts.len())).map(|text| Suffix { text, is_elder: self.is_elder })
    }
}
