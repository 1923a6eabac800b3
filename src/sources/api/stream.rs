//! The collections that an account can read completely.

use crate::customer::model::source::SourceKind;

/// A collection of items that an account can read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its name in commands and settings.
    pub name: &'static str,
    /// How all items are read.
    pub traversal: Traversal,
}

/// How the items of a stream are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traversal {
    /// All pages of a list (`ApiConnector::first`).
    List(ListCoverage),
    /// One request for each id of stored records of some kinds (`ApiConnector::records_of`, `ApiConnector::each`).
    EachRecord,
    /// One request for each stored event of a type (`ApiConnector::each`), such as `booking`.
    EachEvent(&'static str),
}

/// What a list contains completely. A stored item that is missing from the list was deleted, if a second
/// request confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListCoverage {
    /// Records of a kind.
    Records(SourceKind),
    /// Events of a type.
    Events(&'static str),
    /// Neither: a missing item means nothing.
    Neither,
}
