//! People's names in parts. `name_parsing.rs` reads them from sources, `folded_name.rs` has the form for comparison.

use std::fmt;

use super::couples::given_names;
pub use super::folded_name::FoldedName;
use super::folded_name::Given;
use super::folding::fold_name;

/// How certain the split of a name into parts is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Split {
    /// Certain: from the source, or from the name itself.
    #[default]
    Sure,
    /// A single word: either a given name or a family name.
    OneWord,
    /// Several words; the first one is assumed to be the given name.
    Guessed,
}

/// A name as one record has it. Either part may be unknown.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName {
    /// Given name or initials. For a couple's account: those of both people.
    pub first: Option<String>,
    /// Family name.
    pub last: Option<String>,
    pub(super) split: Split,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName([redacted])")
    }
}

impl PersonName {
    /// Whether the split into parts is certain.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.split == Split::Sure && *self != Self::default()
    }

    /// The name in the form in which names are compared.
    #[must_use]
    pub fn folded(&self) -> FoldedName {
        let words = |part: &Option<String>| part.as_deref().map(fold_name).unwrap_or_default();
        let (first, last) = (words(&self.first), words(&self.last));
        let given = match (self.split, self.first.as_deref().and_then(given_names)) {
            (Split::Sure, Some(both)) => Given::Couple(both),
            (Split::Sure, None) => Given::One(first),
            (Split::OneWord | Split::Guessed, _) => {
                return FoldedName::whole(first.into_iter().chain(last).collect());
            }
        };
        FoldedName::new(given, last)
    }
}
