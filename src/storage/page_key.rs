//! Where a page of a list begins. The lists are sorted by time and id, the newest first.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// The place of an item in a list: the next page has the items before it. It names nobody, so URLs may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageKey {
    /// The time of the item. Postgres stores microseconds.
    pub at: Timestamp,
    /// The id of the item.
    pub id: Uuid,
}

impl PageKey {
    /// The newest items are before it.
    pub const NEWEST: Self = Self { at: Timestamp::MAX, id: Uuid::max() };

    /// The most items of a page.
    pub const PER_PAGE: u32 = 100;

    /// How many items to read for a page: one more says that there is another page.
    pub const READ: u32 = Self::PER_PAGE + 1;

    /// Cuts what was read to a page. Returns where the next page begins, if there is one.
    pub fn cut<T>(items: &mut Vec<T>, key: impl Fn(&T) -> Self) -> Option<Self> {
        let most = usize::try_from(Self::PER_PAGE).unwrap_or(usize::MAX);
        let is_last = items.len() <= most;
        items.truncate(most);
        items.last().filter(|_| !is_last).map(key)
    }

    /// Items from before a time are before it.
    #[must_use]
    pub const fn before(at: Timestamp) -> Self {
        Self { at, id: Uuid::nil() }
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.at.as_microsecond(), self.id)
    }
}

/// The text is not the place of an item.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this is not the key of a page")]
pub struct NotAPageKey;

impl FromStr for PageKey {
    type Err = NotAPageKey;

    fn from_str(text: &str) -> Result<Self, NotAPageKey> {
        let (at, id) = text.split_once('_').ok_or(NotAPageKey)?;
        // Nothing is older, and Postgres knows no time before the year 4713 before Christ.
        let at = at.parse().ok().filter(|at| *at >= 0);
        let at = at.and_then(|at| Timestamp::from_microsecond(at).ok());
        let (at, id) = at.zip(id.parse().ok()).ok_or(NotAPageKey)?;
        Ok(Self { at, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_a_url() {
        let key = PageKey {
            at: "2026-11-21T12:00:00.123456Z".parse().unwrap(),
            id: Uuid::from_u128(0x1234_5678_9abc_def0),
        };
        assert_eq!(key.to_string().parse::<PageKey>().unwrap(), key);
        assert!(key < PageKey::NEWEST && PageKey::before(key.at) < key);
        for text in
            ["", "_", "1", "x_y", "9999999999999999999_00000000-0000-0000-0000-000000000000"]
        {
            assert!(text.parse::<PageKey>().is_err(), "{text}");
        }
    }
}
