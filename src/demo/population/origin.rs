//! Where a family's names come from.

/// The origin of a family's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Dutch,
    Flemish,
    Walloon,
    German,
    English,
    Moroccan,
    Turkish,
    Polish,
    Spanish,
}

/// Origins per 1,000 families.
pub(super) const ORIGINS: [(Origin, usize); 9] = [
    (Origin::Dutch, 560),
    (Origin::Flemish, 130),
    (Origin::Walloon, 40),
    (Origin::German, 60),
    (Origin::English, 50),
    (Origin::Moroccan, 50),
    (Origin::Turkish, 45),
    (Origin::Polish, 45),
    (Origin::Spanish, 20),
];
