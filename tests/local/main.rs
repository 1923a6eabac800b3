//! What others on the machine, at the terminal and in the team can reach, see and undo: the command as a process, beside people who
//! are not its friends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::disallowed_methods
)]

mod audit;
mod desk;
mod environment;
#[cfg(target_os = "linux")]
mod kernel;
mod looking;
mod namesakes;
#[cfg(target_os = "linux")]
mod peers;
mod process;
mod reasons;
mod suppression_file;
mod temporary;
mod terminal;
mod versions;
