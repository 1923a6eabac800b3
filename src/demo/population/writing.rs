//! Writes one record about one person, as one system has it.

use super::people::{Person, World};
use super::rates::{self, Habits};
use super::situation::Situations;
use crate::customer::model::source::SourceKind;

/// Writes one record about one person.
pub(super) struct Writer<'a> {
    pub world: &'a World,
    pub person: &'a Person,
    pub habits: Habits,
    /// Whether the record is from before the person's changes.
    pub early: bool,
    pub situations: Situations,
    /// Whether the mailbox is the family's.
    pub on_family_mailbox: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(world: &'a World, person: &'a Person, kind: SourceKind, early: bool) -> Self {
        Self {
            world,
            person,
            habits: rates::habits(kind),
            early,
            situations: Situations::default(),
            on_family_mailbox: false,
        }
    }
}
