//! Particles of family names: de, van, von, al.

/// Words that are optional before a family name.
pub(crate) const PARTICLES: [&str; 39] = [
    "abou", "abu", "ait", "al", "ben", "bin", "bint", "da", "das", "de", "del", "della", "den",
    "der", "di", "do", "dos", "du", "e", "el", "ibn", "la", "las", "le", "les", "los", "op",
    "ould", "t", "te", "ten", "ter", "thoe", "van", "von", "y", "zu", "zum", "zur",
];
