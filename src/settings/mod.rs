//! Makes typed, checked settings from one TOML file and the environment. It reports all mistakes before the service
//! starts, and at once; only a mistake of syntax or type is reported alone.
//!
//! [`SettingsFile`] is the content of the file. This module turns it into the values that the program uses. Nothing
//! else reads the environment.

mod brand_file;
mod brands;
mod database;
pub mod environment;
pub mod file;
mod identity;
mod limits;
mod mistake;
mod networks;
pub mod percent_limit;
mod secrets;
mod sources;
mod texts;
mod values;

use std::path::Path;
use std::time::Duration;

pub use self::database::suppression_file;
pub use self::environment::{default_cache_dir, has_database_url, new_settings_file, user_name};
pub use self::file::SettingsFile;
pub use self::mistake::Mistake;
use self::mistake::SettingsText;
use crate::brand::BrandRules;
use crate::sources::secret::Fetch;
use crate::storage::database::{Place, PoolSize};

/// The settings of a service.
#[derive(Debug)]
pub struct Settings {
    /// The file, for the values that are used as they are.
    pub file: SettingsFile,
    /// The database: a server, or the embedded Postgres.
    pub place: Place,
    /// The rules of each brand.
    pub brands: Vec<BrandRules>,
    /// Secrets that could not be read. Their webhook endpoints refuse everything, and their APIs are not called. So
    /// only commands that need the secrets treat these as mistakes.
    pub missing: Vec<Mistake>,
    /// Secrets that look wrong, for example with spaces around them.
    pub warnings: Vec<Mistake>,
}

impl Settings {
    /// Reads the settings file. Without a file, uses the defaults.
    ///
    /// # Errors
    /// All mistakes in the file.
    pub fn load(path: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        let found = path.map(Path::to_owned).or_else(environment::find_file);
        let Some(path) = found else { return Self::parse("", Path::new("hookpoint.toml")) };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| vec![Mistake::of_file(&path, &error.to_string())])?;
        Self::parse(&text, &path)
    }

    /// Reads settings from text. `path` is for the messages only.
    ///
    /// # Errors
    /// All mistakes in the text.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Vec<Mistake>> {
        Self::parse_with(text, path, &secrets::fetch)
    }

    /// Reads settings from text, and secrets with the given function.
    ///
    /// # Errors
    /// All mistakes in the text.
    pub fn parse_with(text: &str, path: &Path, fetch: Fetch<'_>) -> Result<Self, Vec<Mistake>> {
        let text = SettingsText::new(text, path);
        let file: SettingsFile = text.parse().map_err(|mistake| vec![mistake])?;
        let mut mistakes = Vec::new();
        let place = database::place(&file.database)
            .map_err(|(key, what)| mistakes.push(text.at(key, what)))
            .ok();
        let wrong = limits::check_numbers(&file)
            .chain(texts::check_texts(&file))
            .chain(database::check_suppression_file(&file, place.as_ref()).err());
        mistakes.extend(wrong.map(|(key, what)| text.at(key, what)));
        let brands = Brands::check(&file, &text, fetch);
        mistakes.extend(brands.mistakes);
        match place {
            Some(place) if mistakes.is_empty() => Ok(Self {
                file,
                place,
                brands: brands.rules,
                missing: brands.missing,
                warnings: brands.warnings,
            }),
            _ => Err(mistakes),
        }
    }

    /// The size and timeouts of the connection pool.
    #[must_use]
    pub fn pool_size(&self) -> PoolSize {
        PoolSize {
            connections: self.file.database.max_connections,
            acquire_timeout: ACQUIRE_TIMEOUT,
            statement: Some(STATEMENT_TIMEOUT),
        }
    }
}

/// How long all work except lookups waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout of a statement. No statement needs a tenth of this, so a statement that reaches it hangs.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The brands of the file, checked.
#[derive(Default)]
struct Brands {
    rules: Vec<BrandRules>,
    mistakes: Vec<Mistake>,
    missing: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Brands {
    fn check(file: &SettingsFile, text: &SettingsText<'_>, fetch: Fetch<'_>) -> Self {
        let mut brands = Self::default();
        for (slug, brand) in &file.brands {
            let of_brand = |(key, what): (String, String)| {
                text.at(format!("brands.{slug}.{key}").trim_end_matches('.'), what)
            };
            let mut secrets = secrets::Secrets::default();
            match brands::validate(slug, brand, fetch, &mut secrets) {
                Ok(rules) => brands.rules.push(rules),
                Err(found) => brands.mistakes.extend(found.into_iter().map(of_brand)),
            }
            brands.missing.extend(secrets.missing.into_iter().map(of_brand));
            brands.warnings.extend(secrets.warnings.into_iter().map(of_brand));
        }
        brands
    }
}
