//! `hookpoint settings`

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Exit;
use super::output::{plain_json, print_error, print_line};
use crate::settings::{Checked, Mistake, SecretAccess};

#[derive(Debug, Subcommand)]
pub(super) enum SettingsCommand {
    /// Check the settings file; prints each mistake with its line, its key and the correction
    Check(CheckArguments),
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Do not read secrets: neither environment variables nor files with secrets
    #[arg(long)]
    without_secrets: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command. It has settings with mistakes, too, so it reads them itself.
pub(super) fn run(command: &SettingsCommand, path: Option<&Path>) -> Exit {
    let SettingsCommand::Check(arguments) = command;
    let access = if arguments.without_secrets { SecretAccess::None } else { SecretAccess::Read };
    let check = Check::new(Checked::load(path, access), access);
    if arguments.json {
        check.print_json();
    } else {
        check.print();
    }
    if check.mistakes.is_empty() { Exit::Done } else { Exit::Mistake }
}

/// What the command shows.
struct Check {
    checked: Checked,
    mistakes: Vec<Mistake>,
    not_checked: Vec<Mistake>,
}

impl Check {
    fn new(mut checked: Checked, access: SecretAccess) -> Self {
        let mut mistakes = std::mem::take(&mut checked.mistakes);
        let missing = std::mem::take(&mut checked.missing);
        let not_checked = match access {
            SecretAccess::None => missing,
            SecretAccess::Read => {
                mistakes.extend(missing);
                Vec::new()
            }
        };
        if checked.file.is_none() {
            mistakes.push(Checked::no_file());
            checked.warnings.clear();
        }
        Mistake::sort(&mut mistakes);
        Self { checked, mistakes, not_checked }
    }

    /// Prints for people: to standard error if there are mistakes.
    fn print(&self) {
        let print: fn(&str) = if self.mistakes.is_empty() { print_line } else { print_error };
        if let Some(file) = &self.checked.file {
            print(&format!("Settings: {}", file.display()));
        }
        self.mistakes.iter().for_each(|mistake| print(&mistake.to_string()));
        self.checked.warnings.iter().for_each(|warning| print(&format!("Warning: {warning}")));
        self.not_checked.iter().for_each(|secret| print(&format!("Not checked: {secret}")));
        if self.mistakes.is_empty() {
            let brands = self.checked.brands.join(", ");
            let brands = if brands.is_empty() { "none" } else { &brands };
            print(&format!("The settings are valid. Brands: {brands}."));
        }
    }

    fn print_json(&self) {
        let text = json!({
            "file": self.checked.file.as_ref().map(|file| file.display().to_string()),
            "mistakes": self.mistakes,
            "warnings": self.checked.warnings,
            "not_checked": self.not_checked,
            "brands": self.checked.brands,
        });
        print_line(&plain_json(&format!("{text:#}")));
    }
}
