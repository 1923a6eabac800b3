//! The name of what a preview of rules showed.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::storage::compared_customers::ComparedCounts;

/// Names what a preview of rules showed, without saying it: two counts, and a hash of every customer that changes,
/// before and after. The counts say what is different if two states are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewState {
    /// How many customers join.
    pub joined: i64,
    /// How many customers part.
    pub parted: i64,
    /// 16 hexadecimal digits.
    hash: String,
}

/// The text is not the state of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a state that `hookpoint identity preview` printed")]
pub struct NotAState;

impl PreviewState {
    pub(super) fn new(counts: &ComparedCounts, hash: Sha256) -> Self {
        let hash = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { joined: counts.joined, parted: counts.parted, hash }
    }
}

impl fmt::Display for PreviewState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.joined, self.parted, self.hash)
    }
}

impl FromStr for PreviewState {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (Some(joined), Some(parted), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAState);
        };
        if hash.len() != 16 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAState);
        }
        let count = |text: &str| text.parse().map_err(|_| NotAState);
        Ok(Self { joined: count(joined)?, parted: count(parted)?, hash: hash.to_lowercase() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_printed() {
        let counts = ComparedCounts { joined: 12, parted: 3, ..ComparedCounts::default() };
        let state = PreviewState::new(&counts, Sha256::new());
        let text = state.to_string();
        assert_eq!(text, "12-3-e3b0c44298fc1c14");
        assert_eq!(text.parse(), Ok(state));
        for text in
            ["", "12-3", "12-3-e3b0c44298fc1c1", "a-3-e3b0c44298fc1c14", "1-2-e3b0c44298fc1c14-"]
        {
            assert_eq!(text.parse::<PreviewState>(), Err(NotAState), "{text}");
        }
    }
}
