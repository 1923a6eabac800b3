//! The `hookpoint` command.

use std::process::ExitCode;

use clap::Parser;
use hookpoint::cli::Cli;

// A worker thread allocates the memory for its responses itself; there, this allocator takes no lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let code = hookpoint::cli::run(Cli::parse());
    hookpoint::telemetry::flush();
    code
}
