//! Relatives whose names are alike: on one line, or on one mailbox, not much tells them apart.

use super::chance::Chance;

/// What the first two of a household are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    /// Relatives with nearly one given name.
    Alike(&'static str, &'static str),
    /// Father and son of one name.
    Generations(Style),
}

/// How a family tells father and son apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Sr. and Jr.
    Latin,
    /// II and III.
    Numerals,
    /// de oude and de jonge.
    Dutch,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub kin: Kin,
    pub is_elder: bool,
}

/// What is written behind a name to tell father and son apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suffix {
    pub text: &'static str,
    pub is_elder: bool,
}

/// Given names that begin alike, or are a letter apart.
const ALIKE: &str = "Mario=Maria Daniel=Daniela Paul=Paula Jan=Janneke Christian=Christina Andrea=Andreas Julia=Julian Jan=Janna Hans=Hanna Simon=Simone Martin=Martina Anna=Anne Willem=Willemijn Tom=Tomas Eva=Evi Emma=Emma-Louise Alex=Alexandra";

impl Kin {
    /// Relatives with given names that are alike.
    pub(super) fn alike(chance: &mut Chance) -> Option<Self> {
        let pairs: Vec<&'static str> = ALIKE.split(' ').collect();
        pairs.get(chance.below(pairs.len()))?.split_once('=').map(|(one, other)| Self::Alike(one, other))
    }

    /// Father and son.
    pub(super) fn generations(chance: &mut Chance) -> Option<Self> {
        chance.weighted(&[(Style::Latin, 800), (Style::Numerals, 130), (Style::Dutch, 70)]).map(Self::Generations)
    }

    /// The place of the household's first or second member; the others have none.
    pub(super) const fn place(self, place: usize) -> Option<Place> {
        match place {
            0 => Some(Place { kin: self, is_elder: true }),
            1 => Some(Place { kin: self, is_elder: false }),
            _ => None,
        }
    }
}

impl Place {
    /// Whether they have one name, so that only what is written behind it tells who is who.
    pub(super) const fn has_the_others_name(self) -> bool {
        matches!(self.kin, Kin::Generations(_))
    }

    /// What is written behind the name.
    pub(super) fn suffix(self, chance: &mut Chance) -> Option<Suffix> {
        let Kin::Generations(style) = self.kin else { return None };
        let texts: &[&'static str] = match (style, self.is_elder) {
            (Style::Latin, true) => &["Sr.", "Sr", "senior", "sr."],
            (Style::Latin, false) => &["Jr.", "Jr", "junior", "jr."],
            (Style::Numerals, true) => &["II"],
            (Style::Numerals, false) => &["III"],
            (Style::Dutch, true) => &["de oude"],
            (Style::Dutch, false) => &["de jonge"],
        };
        texts.get(chance.below(texts.len())).map(|text| Suffix { text, is_elder: self.is_elder })
    }
}
