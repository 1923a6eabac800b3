//! The command as a process: how it starts and ends, and what others on the machine, at the terminal and in the team can
//! reach, see and undo.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::disallowed_methods
)]

mod agent_links;
mod audit;
#[path = "../upstream/authority.rs"]
#[allow(dead_code, reason = "a part of the tests of calls")]
mod authority;
mod cancellation_reasons;
#[path = "../harness/cluster.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod cluster;
mod command;
mod console_accounts;
mod console_link;
mod database_errors;
mod decisions;
mod downgrade;
#[cfg(target_os = "linux")]
mod embedded_postgres;
mod environment;
mod erasure_of_namesakes;
mod exit_codes;
mod init;
mod json_output;
mod lookup_trace;
mod nobody;
#[cfg(target_os = "linux")]
mod other_user;
mod previews;
mod program;
mod read_only_commands;
mod reload;
mod reviews;
#[path = "../harness/settings.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod settings;
mod settings_check;
mod shop;
mod signals;
mod small_commands;
mod suppression_file;
mod temporary_directories;
mod terminal;
mod webhooks;
mod width;
