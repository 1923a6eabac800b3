//! Reads the settings and checks them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agent_page::check_with_service;
use super::document::Document;
use super::environment::{default_files, find_file};
use super::file::SettingsFile;
use super::mistake::Mistake;
use super::placeholders::placeholder_mistakes;
use super::repair::repair_all;
use super::syntax::syntax_mistakes;
use super::{brands, database, limits, oidc, secrets, texts, traces, type_mistakes};
use crate::brand::BrandRules;
use crate::sources::SettingProblem;
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
    /// Settings that are valid, but probably wrong.
    pub warnings: Vec<Mistake>,
}

impl Settings {
    /// Reads the settings file. Without a file, uses the defaults.
    ///
    /// # Errors
    /// All mistakes in the file.
    pub fn load(path: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        Checked::load(path, SecretAccess::Read).into_settings()
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
        Checked::of_text(text, path, SecretAccess::Read, fetch).into_settings()
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

/// Whether secrets may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretAccess {
    /// Reads them from the environment and from files.
    Read,
    /// Reads none.
    None,
}

/// Everything that was found in the settings. The lists are in the order of lines.
#[derive(Debug, Default)]
pub struct Checked {
    /// The file that was read; `None` if there is none.
    pub file: Option<PathBuf>,
    /// The names of the brands.
    pub brands: Vec<String>,
    /// The mistakes.
    pub mistakes: Vec<Mistake>,
    /// Secrets that could not be read, or that were not read.
    pub missing: Vec<Mistake>,
    /// Settings that are valid, but probably wrong.
    pub warnings: Vec<Mistake>,
    settings: Option<(SettingsFile, Place, Vec<BrandRules>)>,
}

impl Checked {
    /// Reads the settings file and checks it. Without a file, the settings are the defaults.
    #[must_use]
    pub fn load(path: Option<&Path>, access: SecretAccess) -> Self {
        let Some(path) = path.map(Path::to_owned).or_else(find_file) else {
            return Self::parse("", Path::new("hookpoint.toml"), access);
        };
        let read = read_text(&path);
        let file = Some(std::path::absolute(&path).unwrap_or_else(|_| path.clone()));
        match read {
            Ok(text) => Self { file, ..Self::parse(&text, &path, access) },
            Err(mistake) => Self { file, mistakes: vec![mistake], ..Self::default() },
        }
    }

    /// Checks settings from text. `path` is for the messages only.
    #[must_use]
    pub fn parse(text: &str, path: &Path, access: SecretAccess) -> Self {
        let fetch: Fetch<'_> = match access {
            SecretAccess::Read => &secrets::fetch,
            SecretAccess::None => &secrets::leave_unread,
        };
        Self::of_text(text, path, access, fetch)
    }

    /// The mistake that there is no settings file. Only the check treats it as one.
    #[must_use]
    pub fn no_file() -> Mistake {
        let [here, of_machine] = default_files().map(|path| path.display().to_string());
        Mistake::no_file(format!(
            "there is no settings file: HOOKPOINT_SETTINGS is not set, and neither ./{here} nor {of_machine} exists; name the file with --settings"
        ))
    }

    /// Treats secrets that could not be read as mistakes.
    #[must_use]
    pub fn with_secrets_required(mut self) -> Self {
        self.mistakes.append(&mut self.missing);
        Mistake::sort(&mut self.mistakes);
        self
    }

    /// The settings, if there are no mistakes.
    ///
    /// # Errors
    /// The mistakes.
    pub fn into_settings(self) -> Result<Settings, Vec<Mistake>> {
        let Self { mistakes, missing, warnings, settings, .. } = self;
        match settings.filter(|_| mistakes.is_empty()) {
            Some((file, place, brands)) => Ok(Settings { file, place, brands, missing, warnings }),
            None => Err(mistakes),
        }
    }

    fn of_text(text: &str, path: &Path, access: SecretAccess, fetch: Fetch<'_>) -> Self {
        let (text, repairs) = repair_all(text, path);
        let (mut document, errors) = Document::parse(&text, path);
        let mut mistakes = syntax_mistakes(&mut document, &errors, &repairs);
        let (file, of_types) = type_mistakes::read::<SettingsFile>(&mut document);
        mistakes.extend(of_types);
        mistakes.extend(placeholder_mistakes(&mut document));
        let mut checked = Self { mistakes, ..Self::default() };
        let place = checked.check_database(&file, &document, access);
        let wrong = limits::check_numbers(&file).chain(texts::check_texts(&file));
        checked.mistakes.extend(wrong.filter_map(|problem| document.problem(problem)));
        let wrong = traces::check_traces(&file.telemetry.traces);
        checked.mistakes.extend(wrong.into_iter().filter_map(|problem| document.problem(problem)));
        let unread = traces::read_headers(&file.telemetry.traces, fetch).err();
        checked.missing.extend(unread.and_then(|problem| document.problem(problem)));
        let wrong = oidc::check_oidc(&file.console.oidc, &file.brands);
        checked.mistakes.extend(wrong.into_iter().filter_map(|problem| document.problem(problem)));
        let unread = oidc::read_secret(&file.console.oidc, fetch).err();
        checked.missing.extend(unread.and_then(|problem| document.problem(problem)));
        let rules = checked.check_brands(&file, &document, fetch);
        checked.sort();
        if let Some(place) = place.filter(|_| checked.mistakes.is_empty()) {
            checked.settings = Some((file, place, rules));
        }
        checked
    }

    fn check_database(
        &mut self,
        file: &SettingsFile,
        document: &Document<'_>,
        access: SecretAccess,
    ) -> Option<Place> {
        let problem = |(key, what): (&str, String)| match key {
            database::VARIABLE => Some(Mistake::of_environment(key, what)),
            key => document.problem(SettingProblem::new(key, what)),
        };
        let has_url = !file.database.url.is_empty() || !file.database.url_file.is_empty();
        let place = match access {
            SecretAccess::Read => database::place(&file.database),
            SecretAccess::None if has_url => {
                let url_file = !file.database.url_file.is_empty();
                let unread = url_file.then(|| "the URL in a file".to_owned());
                self.missing.extend(unread.and_then(|what| problem(("database.url_file", what))));
                return None;
            }
            // Only the directory of the embedded server matters here, and not DATABASE_URL.
            SecretAccess::None => match database::place(&file.database) {
                Err((key, _)) if key != "database.data_dir" => return None,
                place => place,
            },
        };
        let place = place.map_err(|wrong| self.mistakes.extend(problem(wrong))).ok();
        let suppression_file = database::check_suppression_file(file, place.as_ref());
        self.mistakes.extend(suppression_file.err().and_then(problem));
        place
    }

    fn check_brands(
        &mut self,
        file: &SettingsFile,
        document: &Document<'_>,
        fetch: Fetch<'_>,
    ) -> Vec<BrandRules> {
        let mut all = Vec::new();
        for (slug, brand) in &file.brands {
            let of_brand = |problem: SettingProblem| {
                document.problem(problem.below(&format!("brands.{slug}")))
            };
            let checked = brands::check(slug, brand, fetch);
            let (wrong, doubtful) = check_with_service(file, &brand.agent_page);
            self.mistakes.extend(wrong.into_iter().filter_map(of_brand));
            self.warnings.extend(doubtful.into_iter().filter_map(of_brand));
            self.mistakes.extend(checked.mistakes.into_iter().filter_map(of_brand));
            self.missing.extend(checked.missing.into_iter().filter_map(of_brand));
            self.warnings.extend(checked.warnings.into_iter().filter_map(of_brand));
            self.brands.push(slug.clone());
            all.extend(checked.rules);
        }
        let is_certain = !document.has_syntax_mistakes() && !document.is_reported("brands");
        if file.brands.is_empty() && is_certain {
            let what = "there is no brand, so nobody can look up anything; add a table such as [brands.example]";
            self.warnings.extend(document.problem(SettingProblem::new("brands", what)));
        }
        all
    }

    fn sort(&mut self) {
        for list in [&mut self.mistakes, &mut self.missing, &mut self.warnings] {
            Mistake::sort(list);
        }
    }
}

fn read_text(path: &Path) -> Result<String, Mistake> {
    let bytes =
        std::fs::read(path).map_err(|error| Mistake::of_file(path, None, &error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(end);
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        Mistake::of_file(
            path,
            Some(line),
            "contains bytes that are not UTF-8; save the file as UTF-8",
        )
    })
}
