//! The rules of this code base that the compiler can't check: documentation that is complete, layers, migrations, and
//! messages that help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]

mod brands_in_statements;
#[path = "../harness/citus.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod citus;
mod deploy;
mod documents;
mod imports;
mod layers;
mod metrics;
mod migrations;
mod settings_check;
mod settings_example;
mod settings_mistakes;
mod source_code;
mod source_files;
mod traces;
mod vocabulary;
