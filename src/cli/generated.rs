//! `hookpoint completion` and `hookpoint man`: texts that are generated from the commands.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit::Exit;

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
            print_bytes(&page(&Man::new(commands))?);
            Ok(())
        }
    }
}

fn write_pages(directory: &Path, commands: Command) -> anyhow::Result<()> {
    let written = std::fs::create_dir_all(directory).and_then(|()| {
        let mut commands = commands.disable_help_subcommand(true);
        commands.build();
        write_pages_of(&commands, directory)
    });
    written.map_err(|error| anyhow::anyhow!("cannot write to {}: {error}", directory.display()))
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages_of(command: &Command, directory: &Path) -> std::io::Result<()> {
    for subcommand in command.get_subcommands() {
        write_pages_of(subcommand, directory)?;
    }
    let man = Man::new(command.clone());
    std::fs::write(directory.join(man.get_filename()), page(&man)?)
}

/// A manual page. Its last section has the exit codes, which all commands share.
fn page(man: &Man) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut codes = Roff::new();
    codes.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        let (code, meaning) = exit.code();
        codes.control("TP", []);
        codes.text([bold(code.to_string())]);
        codes.text([roman(meaning)]);
    }
    codes.to_writer(&mut page)?;
    Ok(page)
}

/// Prints a generated text. If the reader closes the pipe early, that is no error.
fn print_bytes(text: &[u8]) {
    let _ = std::io::stdout().write_all(text);
}
