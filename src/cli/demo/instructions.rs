//! Prints how to use the demo: commands to try, addresses, data directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::settings_file::write_settings;
use crate::admin::console_access::LINK_MINUTES;
use crate::cli::output::print_line;
use crate::cli::wrapped::print_wrapped;
use crate::clock::Clock;
use crate::counted::counted;
use crate::customer::model::source::Source;
use crate::demo::background_activity::{PAUSE, REGULAR, newcomer};
use crate::demo::examples;
use crate::demo::simulators::Simulators;
use crate::demo::webhook_signer::Secrets;
use crate::settings::SettingsFile;
use crate::storage::brands::BrandCounts;

/// The parts that the printed instructions describe.
pub(super) struct Instructions<'a> {
    /// The API key for lookups.
    pub(super) key: String,
    /// The address of lookups and webhooks.
    pub(super) address: SocketAddr,
    pub(super) metrics_address: Option<SocketAddr>,
    /// A link to the console.
    pub(super) console: Option<String>,
    pub(super) counts: BrandCounts,
    pub(super) simulators: &'a Simulators,
    pub(super) secrets: &'a Secrets,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) settings: &'a SettingsFile,
    /// The brand's settings, as TOML text.
    pub(super) brand: &'a str,
}

impl Instructions<'_> {
    /// Prints the instructions.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        let counts = self.counts;
        print_wrapped(
            &format!(
                "\nReady: {} from {} and {} of OmnioTap, Omneo, OmniLab and Syncaroo.\n",
                counted(counts.customers, "customer", "customers"),
                counted(counts.records, "record", "records"),
                counted(counts.events, "event", "events")
            ),
            0,
        );
        self.print_console();
        self.print_lookups();
        self.print_webhooks();
        if let Some(data_dir) = &self.data_dir {
            self.print_commands(data_dir)?;
        }
        self.print_places();
        print_line("Press Ctrl-C to stop the demo.");
        Ok(())
    }

    fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of lookups, with the key.
    fn lookup_url(&self) -> String {
        let key =
            percent_encoding::utf8_percent_encode(&self.key, percent_encoding::NON_ALPHANUMERIC);
        format!("{}/omnidesk/customerlookup?key={key}", self.base_url())
    }

    fn print_console(&self) {
        if let Some(link) = &self.console {
            print_line(&format!(
                "Open the console as an admin, who may do everything. The link works once, for {LINK_MINUTES} minutes:\n  {link}\n"
            ));
        }
    }

    fn print_lookup(&self, email: &str) {
        let (url, email) = (self.lookup_url(), email.replace('@', "%40"));
        print_line(&format!("  curl '{url}&channelAddressType=email&address={email}'"));
    }

    fn print_lookups(&self) {
        let url = self.lookup_url();
        print_line("Look up a customer by e-mail address, phone number or order number:");
        self.print_lookup("thomas@example.org");
        print_line(&format!(
            "  curl '{url}&channelAddressType=phoneNumber&address=%2B31612312311'"
        ));
        print_line(&format!("  curl '{url}&primaryID=NL-2026-00042'"));
        print_wrapped(
            &format!(
                "\n{} is in no webhook and no backfill. The lookup itself fetches her from the systems:",
                newcomer::EMAIL
            ),
            0,
        );
        self.print_lookup(newcomer::EMAIL);
        print_wrapped(
            &format!(
                "\nEvery {} seconds a customer buys, books or asks something. {REGULAR} buys most often:",
                PAUSE.as_secs()
            ),
            0,
        );
        self.print_lookup(REGULAR);
    }

    fn print_webhooks(&self) {
        print_line(&format!(
            "\nSend one webhook of each system, and look up {} after each:",
            examples::EMAIL
        ));
        let (base, now) = (self.base_url(), Clock::system().now());
        let syncaroo = self.simulators.base_url(Source::Syncaroo);
        for (_, request) in examples::examples(self.secrets, &syncaroo, now) {
            print_line(&format!("  {}", request.as_curl(&base)));
        }
        self.print_lookup(examples::EMAIL);
    }

    /// Prints commands that run beside the demo, and writes the settings file that they use.
    fn print_commands(&self, data_dir: &Path) -> anyhow::Result<()> {
        let file = write_settings(data_dir, self.settings, self.brand, self.secrets)?;
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hookpoint"));
        print_line("\nShow the state of the APIs and the webhooks, and explain a lookup:");
        for command in [
            "sync status".to_owned(),
            "inbox status".to_owned(),
            format!("lookup --email {REGULAR} --why"),
        ] {
            print_line(&format!("  {} --settings {} {command}", program.display(), file.display()));
        }
        print_wrapped(
            "\nTry other settings: edit this file, then run the same command with reload.",
            0,
        );
        Ok(())
    }

    /// Prints where the API document, the metrics, the simulators and the data are.
    fn print_places(&self) {
        print_line(&format!("\nAPI:     {}/docs", self.base_url()));
        if let Some(metrics) = self.metrics_address {
            print_line(&format!("Metrics: http://{metrics}/metrics"));
        }
        print_line("Simulators:");
        for source in Source::ALL {
            print_line(&format!("  {:9}{}", source.as_str(), self.simulators.base_url(source)));
        }
        print_line(&format!(
            "Data:    {} (deleted when the demo ends)",
            self.data_dir.as_deref().map(|dir| dir.display().to_string()).unwrap_or_default()
        ));
    }
}
