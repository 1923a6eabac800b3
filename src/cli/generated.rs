//! `hookpoint completion` and `hookpoint man`: texts that are generated from the commands.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Write one page for each command into this directory, instead of printing the first page
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(super) fn print_completion(arguments: &CompletionArguments, mut commands: Command) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut commands, "hookpoint", &mut script);
    print_bytes(&script);
}

pub(super) fn man(arguments: &ManArguments, commands: Command) -> anyhow::Result<()> {
    match &arguments.directory {
        Some(directory) => write_pages(directory, commands),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(commands).render(&mut page)?;
            print_bytes(&page);
            Ok(())
        }
    }
}

fn write_pages(directory: &Path, commands: Command) -> anyhow::Result<()> {
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(commands, directory));
    written.map_err(|error| anyhow::anyhow!("cannot write to {}: {error}", directory.display()))
}

/// Prints a generated text. If the reader closes the pipe early, that is no error.
fn print_bytes(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}
