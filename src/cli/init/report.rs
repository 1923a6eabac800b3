//! The result of `hookpoint init`: what was written, and what to do next.

use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use super::choices::{Choices, Places, SourceChoice};
use crate::admin::keys::CreatedKey;
use crate::cli::key::print_key;
use crate::cli::output::print_line;
use crate::cli::wrapped::{print_wrapped, wrap};
use crate::settings::SettingsFile;
use crate::sources::setup::SecretOrigin;
use crate::sources::webhook_setup;

/// The result, as `--json` prints it. The URL with the key is its only secret.
#[derive(Serialize)]
pub(super) struct Report {
    files: Vec<PathBuf>,
    settings: PathBuf,
    crm_sync_url: Option<String>,
    key_id: Option<Uuid>,
    /// Creates the key, if there is none yet.
    key_command: Option<String>,
    sources: Vec<SourceReport>,
    next_command: String,
    /// Checks the running service.
    check_command: String,
}

#[derive(Serialize)]
struct SourceReport {
    source: &'static str,
    name: &'static str,
    verification: &'static str,
    /// Without the secret.
    webhook_url: String,
    /// Whether the URL goes on with a slash and the secret.
    is_secret_in_url: bool,
    url_goes_to: &'static str,
    secret_file: Option<PathBuf>,
    /// Whether somebody must still write the secret into the file.
    is_secret_missing: bool,
}

/// The parts of a report.
pub(super) struct Parts<'a> {
    pub(super) choices: &'a Choices,
    pub(super) places: &'a Places,
    pub(super) files: Vec<PathBuf>,
    pub(super) file: &'a SettingsFile,
    pub(super) key: Option<&'a CreatedKey>,
    /// The beginning of further commands.
    pub(super) command: &'a str,
}

/// The command that creates a key of the brand.
pub(super) fn key_command(command: &str, brand: &str) -> String {
    format!("{command} key create --brand {brand}")
}

impl Report {
    pub(super) fn new(parts: Parts<'_>) -> Self {
        let Parts { choices, places, files, file, key, command } = parts;
        Self {
            files,
            settings: places.settings.clone(),
            crm_sync_url: key.map(|created| file.lookup_url(created.key.reveal())),
            key_id: key.map(|created| created.key_id),
            key_command: key.is_none().then(|| key_command(command, &choices.brand)),
            sources: choices
                .sources
                .iter()
                .map(|choice| SourceReport::new(choice, &choices.brand, places, file))
                .collect(),
            next_command: format!("{command} serve"),
            check_command: format!("{command} doctor"),
        }
    }

    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            let text = serde_json::to_string(self)?;
            return self.print_with_key(&text);
        }
        print_line("Written:");
        self.files.iter().for_each(|file| print_line(&format!("  {}", file.display())));
        self.print_key()?;
        self.sources.iter().for_each(|source| source.print(&self.settings));
        if self.sources.is_empty() {
            print_line(
                "\nNo source sends webhooks yet. deploy/connect.md says how to connect one.",
            );
        }
        print_line(&format!("\nNext, start the service:\n\n  {}", self.next_command));
        print_wrapped(
            "\nThe service itself speaks no TLS: deploy/operate.md, section \"Proxies\", says what to put in front of it.\n\
             When it runs, let it be checked:",
            0,
        );
        print_line(&format!("\n  {}", self.check_command));
        Ok(())
    }

    /// Prints a text that has the key, if there is one.
    fn print_with_key(&self, text: &str) -> anyhow::Result<()> {
        match self.key_id {
            Some(key_id) => print_key(text, key_id),
            None => {
                print_line(text);
                Ok(())
            }
        }
    }

    fn print_key(&self) -> anyhow::Result<()> {
        let place = "Settings > Brands > CRM sync url";
        if let Some(url) = &self.crm_sync_url {
            let text = format!(
                "\nOmnidesk: paste this URL in {place}. It contains the key, and is shown only once."
            );
            self.print_with_key(&format!("{}\n\n  {url}", wrap(&text, 0)))?;
        }
        if let Some(command) = &self.key_command {
            let text = "\nOmnidesk: this command creates the key, and prints the URL for";
            print_wrapped(&format!("{text} {place}:"), 0);
            print_line(&format!("\n  {command}"));
        }
        Ok(())
    }
}

impl SourceReport {
    fn new(choice: &SourceChoice, brand: &str, places: &Places, file: &SettingsFile) -> Self {
        let (source, setup) = (choice.source, webhook_setup(choice.source));
        Self {
            source: source.as_str(),
            name: setup.name,
            verification: choice.verification.name,
            webhook_url: format!("{}/webhooks/{brand}/{source}", file.base_url()),
            is_secret_in_url: choice.verification.secret == SecretOrigin::Service,
            url_goes_to: setup.url_goes_to,
            secret_file: choice.has_secret_file().then(|| places.webhook_secret(brand, source)),
            is_secret_missing: choice.lacks_secret(),
        }
    }

    fn print(&self, settings: &Path) {
        let Self { name, webhook_url: url, .. } = self;
        let end = if self.is_secret_in_url { "/SECRET" } else { "" };
        print_wrapped(&format!("\n{name}: {}\n\n  {url}{end}\n", self.url_goes_to), 0);
        let Some(file) = &self.secret_file else {
            print_line(
                "  Nothing verifies these webhooks: anybody who finds the URL can write data.",
            );
            return;
        };
        let secret = file.display();
        if self.is_secret_missing {
            let text = format!(
                "  The source is not connected until you have its secret. Then write it into {secret}, \
                 remove the \"# \" before the three lines of {name} in {}, and run `hookpoint reload`.",
                settings.display()
            );
            print_wrapped(&text, 2);
        } else if self.is_secret_in_url {
            let text = "This command prints the whole URL:";
            print_wrapped(&format!("  SECRET is the content of {secret}. {text}\n"), 2);
            let [url, file] = [url, &file.display().to_string()].map(|word| shell_word(word));
            print_line(&format!("  printf '%s/%s\\n' {url} \"$(cat {file})\""));
        } else {
            print_wrapped(&format!("  The secret is in {secret}."), 2);
        }
    }
}

/// A text as one word of a shell.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/:._-".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
