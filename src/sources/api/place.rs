//! Places of events.

/// A place of events, such as a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id at the source.
    pub id: String,
    /// Its name.
    pub name: String,
}
