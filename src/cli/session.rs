//! The database and the brands of a command.

use std::collections::HashMap;
use std::sync::Arc;

use super::exit::Failure;
use crate::app::{find_brands, open_brands};
use crate::brand::{Brand, BrandRules};
use crate::lookup::query_customers::ReadRules;
use crate::settings::{Settings, SettingsFile};
use crate::storage::database::{Database, PoolSize};

/// Opens the database for a command and updates its schema. Beside a running service, it is the service's database.
pub(super) async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let database = open_read_only(settings).await?;
    crate::storage::migrate(&database.pool).await?;
    Ok(database)
}

/// Opens the database for a command that only reads. It does not update the schema.
pub(super) async fn open_read_only(settings: &Settings) -> anyhow::Result<Database> {
    // No statement timeout: the person who runs the command can stop it.
    let size = PoolSize { statement: None, ..settings.pool_size() };
    Ok(Database::open(&settings.place, size, true).await?)
}

/// The brands, for messages.
pub(super) fn names_of(brands: &[BrandRules]) -> String {
    let names: Vec<&str> = brands.iter().map(|brand| brand.slug.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The argument `--brand` names no brand of the settings.
pub(super) fn no_such_brand(names: &str) -> Failure {
    Failure::mistake(format!("there is no such brand in the settings; brands: {names}"))
}

/// The argument `--brand` is missing.
pub(super) fn several_brands(names: &str) -> Failure {
    Failure::mistake(format!(
        "the settings have several brands; choose one with --brand; brands: {names}"
    ))
}

/// The database and the brands of a command. Close it at the end.
pub(super) struct Session {
    pub(super) file: SettingsFile,
    pub(super) database: Database,
    /// By their id.
    pub(super) brands: HashMap<i32, Arc<Brand>>,
    /// The brands of the settings, for messages.
    names: String,
}

impl Session {
    /// For a command that changes something. Updates the schema, and stores new brands.
    pub(super) async fn open(settings: Settings) -> anyhow::Result<Self> {
        let database = open(&settings).await?;
        Self::with_database(settings, database).await
    }

    /// For a command that changes something, on a database that is already open.
    pub(super) async fn with_database(
        settings: Settings,
        database: Database,
    ) -> anyhow::Result<Self> {
        let names = names_of(&settings.brands);
        let brands = open_brands(&database.pool, settings.brands).await?;
        Ok(Self { file: settings.file, database, brands, names })
    }

    /// For a command that only reads. A brand that is not stored has no data.
    pub(super) async fn read_only(settings: Settings) -> anyhow::Result<Self> {
        let database = open_read_only(&settings).await?;
        let names = names_of(&settings.brands);
        let brands = find_brands(&database, settings.brands)
            .await
            .map_err(|error| error.with_name_of(&database.pool))?;
        Ok(Self { file: settings.file, database, brands, names })
    }

    /// The rules of lookups, as the service has them.
    pub(super) fn read_rules(&self) -> ReadRules {
        ReadRules::from(&self.file.lookup)
    }

    /// The brand with a slug.
    pub(super) fn find(&self, slug: &str) -> Result<&Arc<Brand>, Failure> {
        let brand = self.brands.values().find(|brand| brand.rules.slug == slug);
        brand.ok_or_else(|| self.no_such_brand())
    }

    /// The brand with the slug, or the only brand.
    pub(super) fn choose(&self, slug: Option<&str>) -> Result<&Arc<Brand>, Failure> {
        let mut wanted =
            self.brands.values().filter(|brand| slug.is_none_or(|slug| slug == brand.rules.slug));
        match (wanted.next(), wanted.next()) {
            (Some(brand), None) => Ok(brand),
            (None, _) => Err(self.no_such_brand()),
            (Some(_), Some(_)) => Err(several_brands(&self.names)),
        }
    }

    /// The brand with the slug, or all brands, by slug. There is at least one.
    pub(super) fn select(&self, slug: Option<&str>) -> Result<Vec<Arc<Brand>>, Failure> {
        let wanted = self.sorted(slug);
        if wanted.is_empty() { Err(self.no_such_brand()) } else { Ok(wanted) }
    }

    /// The brand with the slug, or all brands, by slug. Without a slug, it may be none.
    pub(super) fn brands_of(&self, slug: Option<&str>) -> Result<Vec<Arc<Brand>>, Failure> {
        let wanted = self.sorted(slug);
        if slug.is_some() && wanted.is_empty() { Err(self.no_such_brand()) } else { Ok(wanted) }
    }

    /// The brands with the slug, or all brands, by slug.
    fn sorted(&self, slug: Option<&str>) -> Vec<Arc<Brand>> {
        let mut wanted: Vec<Arc<Brand>> = self
            .brands
            .values()
            .filter(|brand| slug.is_none_or(|slug| slug == brand.rules.slug))
            .cloned()
            .collect();
        wanted.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
        wanted
    }

    fn no_such_brand(&self) -> Failure {
        no_such_brand(&self.names)
    }

    /// Closes the database.
    pub(super) async fn close(self) {
        self.database.close().await;
    }
}
