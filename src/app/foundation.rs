//! What stays while the settings change: the connections to the database, the sockets, the clock.

use super::error::StartError;
use super::listeners::Listeners;
use super::server::raise_file_limit;
use super::warnings::warn_about_database;
use crate::agent_page::links::{LinkPlaces, PublicUrl};
use crate::clock::Clock;
use crate::console::ConsoleUrls;
use crate::settings::SettingsFile;
use crate::storage::database::Database;
use crate::storage::migrate;
use crate::storage::pool::{FurtherPools, Pool};

/// What stays while the settings change.
pub(super) struct Foundation {
    pub pool: Pool,
    pub further_pools: FurtherPools,
    pub listeners: Listeners,
    pub clock: Clock,
}

impl Foundation {
    /// Listens, and migrates the database.
    pub(super) async fn open(
        file: &SettingsFile,
        database: &Database,
        clock: Clock,
    ) -> Result<Self, StartError> {
        raise_file_limit();
        let listeners = Listeners::bind(file)?;
        migrate(&database.pool).await?;
        warn_about_database(file, database).await?;
        let (pool, further_pools) = (database.pool.clone(), FurtherPools::of(&database.pool));
        Ok(Self { pool, further_pools, listeners, clock })
    }

    /// Where the pages are to which answers can link.
    pub(super) fn link_places(&self, file: &SettingsFile) -> LinkPlaces {
        let address = self.listeners.address(&file.server).to_string();
        LinkPlaces {
            service: PublicUrl::new(&file.server.public_url, &address),
            console: self.console_urls(file).map(|urls| urls.base_url()),
        }
    }

    /// Where the console is, if it is served.
    pub(super) fn console_urls(&self, file: &SettingsFile) -> Option<ConsoleUrls> {
        let address = self.listeners.console_address(&file.server)?;
        Some(ConsoleUrls::new(&file.console, &address.to_string()))
    }
}
