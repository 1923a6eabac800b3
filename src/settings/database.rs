//! Chooses the database and the place of the suppression file.

use std::path::PathBuf;

use super::environment::{
    default_cache_dir, default_data_dir, default_suppression_dir, environment,
};
use super::file::{DatabaseSettings, SettingsFile};
use crate::storage::database::{Place, Url, UrlOrigin};
use crate::storage::embedded::Layout;

/// The environment variable with the URL.
pub(super) const VARIABLE: &str = "DATABASE_URL";

/// A mistake: the key, or the environment variable, and what is wrong.
type Wrong = (&'static str, String);

/// Chooses the database: `DATABASE_URL`, else the URL of the settings, else the embedded server.
pub(super) fn place(database: &DatabaseSettings) -> Result<Place, Wrong> {
    if let Some(url) = environment(VARIABLE) {
        let url = url.trim_end_matches(['\r', '\n']).to_owned();
        let what = "the URL in this environment variable";
        return server(VARIABLE, what, Url::from_environment(url));
    }
    if !database.url_file.is_empty() {
        let file = &database.url_file;
        return match std::fs::read_to_string(file) {
            Ok(url) => {
                let url = Url(url.trim().to_owned(), UrlOrigin::File(PathBuf::from(file)));
                server("database.url_file", &format!("{file}: the URL in this file"), url)
            }
            Err(error) => Err(("database.url_file", format!("{file}: {error}"))),
        };
    }
    if !database.url.is_empty() {
        return server("database.url", "the URL", Url(database.url.clone(), UrlOrigin::Settings));
    }
    embedded(database).map(Place::Embedded)
}

/// A server of one's own, if its URL has no mistake. `what` begins the sentence about a mistake.
fn server(key: &'static str, what: &str, url: Url) -> Result<Place, Wrong> {
    match url.check() {
        Ok(()) => Ok(Place::Server(url)),
        Err(error) => Err((key, format!("{what} {error}"))),
    }
}

fn embedded(database: &DatabaseSettings) -> Result<Layout, Wrong> {
    let path = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
    let data_dir = path(&database.data_dir).or_else(default_data_dir).ok_or_else(|| {
        let what = "must be set, because neither XDG_DATA_HOME nor HOME is set";
        ("database.data_dir", what.to_owned())
    })?;
    let cache_dir = default_cache_dir();
    Ok(Layout {
        // The working directory of Postgres is another one, so the path must be absolute.
        data_dir: std::path::absolute(&data_dir).unwrap_or(data_dir),
        postgres_bin: path(&database.postgres_bin),
        fetch: database.download_postgres && cache_dir.is_some(),
        cache_dir: cache_dir.unwrap_or_default(),
        shared_buffers_megabytes: database.shared_buffers_megabytes,
        durable: true,
    })
}

/// The path of the suppression file. Settings that passed the checks always have one.
#[must_use]
pub fn suppression_file(file: &SettingsFile) -> PathBuf {
    chosen_suppression_file(file).unwrap_or_default()
}

fn chosen_suppression_file(file: &SettingsFile) -> Option<PathBuf> {
    if file.erasure.suppression_file.is_empty() {
        default_suppression_dir().map(|dir| dir.join("suppressions.jsonl"))
    } else {
        Some(PathBuf::from(&file.erasure.suppression_file))
    }
}

/// Refuses a suppression file inside the data directory: a restored backup of the data would replace the file with an
/// old copy.
pub(super) fn check_suppression_file(
    file: &SettingsFile,
    place: Option<&Place>,
) -> Result<(), Wrong> {
    const KEY: &str = "erasure.suppression_file";
    let path = chosen_suppression_file(file).ok_or_else(|| {
        (KEY, "must be set, because neither XDG_STATE_HOME nor HOME is set".to_owned())
    })?;
    let path = std::path::absolute(&path).unwrap_or(path);
    match place {
        Some(Place::Embedded(layout)) if path.starts_with(&layout.data_dir) => {
            let data = layout.data_dir.display();
            Err((
                KEY,
                format!(
                    "must not be inside {data}: a restored backup of that directory would replace this file too"
                ),
            ))
        }
        _ => Ok(()),
    }
}
