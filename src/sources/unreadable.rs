//! Why a delivery or a reply cannot be parsed.

use super::json_fault::Fault;

/// Why a delivery cannot be parsed. The text never contains its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(Fault),
    /// A header or field that is required is missing.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It belongs to another account of the source.
    #[error("it belongs to another {0}")]
    Foreign(&'static str),
    /// A deletion needs more proof than an unsigned header, which anybody could change.
    #[error("only an unsigned header reports the deletion (see the setting trust_deletion_header)")]
    Unconfirmed,
}
