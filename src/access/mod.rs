//! Who may ask: networks, keys, limits.

pub mod keys;
pub mod limits;
pub mod network;
