//! What a new installation is made from.

use std::path::{Path, PathBuf};

use crate::customer::model::source::Source;
use crate::settings::file::BrandSettings;
use crate::sources::secret::Secret;
use crate::sources::setup::{SecretOrigin, VerificationChoice};

/// What the person chose. The default has the defaults of the settings.
#[derive(Debug)]
pub(super) struct Choices {
    pub(super) brand: String,
    pub(super) public_url: String,
    pub(super) time_zone: String,
    pub(super) locale: String,
    pub(super) region: String,
    pub(super) database: DatabaseChoice,
    pub(super) sources: Vec<SourceChoice>,
}

#[derive(Debug)]
pub(super) enum DatabaseChoice {
    /// The embedded server, with its data in this directory, or in the usual one.
    Embedded(Option<PathBuf>),
    /// The server at this URL.
    Server(Secret),
    /// The server that `DATABASE_URL` names.
    Environment,
}

/// A source that sends webhooks.
#[derive(Debug)]
pub(super) struct SourceChoice {
    pub(super) source: Source,
    pub(super) verification: &'static VerificationChoice,
    /// `None` if it needs none, or if it is not known yet.
    pub(super) secret: Option<Secret>,
}

impl Default for Choices {
    fn default() -> Self {
        let BrandSettings { time_zone, locale, default_region, .. } = BrandSettings::default();
        Self {
            brand: String::new(),
            public_url: String::new(),
            time_zone,
            locale,
            region: default_region,
            database: DatabaseChoice::Embedded(None),
            sources: Vec::new(),
        }
    }
}

impl SourceChoice {
    /// Whether it has a file with its secret.
    pub(super) fn has_secret_file(&self) -> bool {
        self.verification.secret != SecretOrigin::None
    }

    /// Whether somebody must still write its secret into the file.
    pub(super) fn lacks_secret(&self) -> bool {
        self.has_secret_file() && self.secret.is_none()
    }
}

/// Where the files are. The paths are absolute, so the settings mean the same in every directory.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) settings: PathBuf,
    pub(super) secrets: PathBuf,
}

impl Places {
    pub(super) fn new(settings: &Path) -> std::io::Result<Self> {
        let settings = std::path::absolute(settings)?;
        let secrets = settings.with_file_name("secrets");
        Ok(Self { settings, secrets })
    }

    pub(super) fn database_url(&self) -> PathBuf {
        self.secrets.join("database-url")
    }

    pub(super) fn webhook_secret(&self, brand: &str, source: Source) -> PathBuf {
        self.secrets.join(format!("{brand}-{source}-webhook"))
    }
}
