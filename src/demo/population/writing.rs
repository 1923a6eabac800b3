//! Writes one record about one person, as one system has it.

use super::people::{GeneratedPeople, Person};
use super::rates::{self, Frequencies};
use super::situation::Situations;
use crate::customer::model::source::SourceKind;

/// Writes one record about one person.
pub(super) struct Writer<'a> {
    pub generated: &'a GeneratedPeople,
    pub person: &'a Person,
    pub frequencies: Frequencies,
    /// Whether the record is from before the person's changes.
    pub early: bool,
    pub situations: Situations,
    /// Whether the mailbox is the family's.
    pub on_family_mailbox: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        generated: &'a GeneratedPeople,
        person: &'a Person,
        kind: SourceKind,
        early: bool,
    ) -> Self {
        Self {
            generated,
            person,
            frequencies: rates::frequencies(kind),
            early,
            situations: Situations::default(),
            on_family_mailbox: false,
        }
    }
}
