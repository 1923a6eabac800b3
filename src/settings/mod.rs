//! Makes typed, checked settings from one TOML file and the environment. It reports all mistakes before the service
//! starts, and at once; only a mistake of syntax or type is reported alone.
//!
//! [`SettingsFile`] is the content of the file. This module turns it into the values that the program uses. Nothing
//! else reads the environment.

mod brand_file;
pub mod brands;
pub mod file;
mod mistake;
mod networks;
mod webhooks;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::file::SettingsFile;
pub use self::mistake::Mistake;
use self::mistake::Source;
use crate::brand::BrandRules;
use crate::http::route::is_reserved;
use crate::sources::secret::Fetch;
use crate::storage::database::{Place, PoolSize, Url};
use crate::storage::embedded::Layout;

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
        let found = path.map(Path::to_owned).or_else(find_file);
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
        Self::parse_with(text, path, &webhooks::fetch)
    }

    /// Reads settings from text, and secrets with the given function.
    ///
    /// # Errors
    /// All mistakes in the text.
    pub fn parse_with(text: &str, path: &Path, fetch: Fetch<'_>) -> Result<Self, Vec<Mistake>> {
        let source = Source::new(text, path);
        let file: SettingsFile =
            toml::from_str(text).map_err(|error| vec![source.of_syntax(&error)])?;
        let mut mistakes = Vec::new();
        let place = place(&file, &mut mistakes, &source);
        check_numbers(&file, &mut mistakes, &source);
        check_suppression_file(&file, place.as_ref(), &mut mistakes, &source);
        let (mut brands, mut missing, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (slug, brand) in &file.brands {
            let of_brand = |(key, what): (String, String)| {
                source.at(format!("brands.{slug}.{key}").trim_end_matches('.'), what)
            };
            let mut secrets = webhooks::Secrets::default();
            match brands::validate(slug, brand, fetch, &mut secrets) {
                Ok(rules) => brands.push(rules),
                Err(found) => mistakes.extend(found.into_iter().map(of_brand)),
            }
            missing.extend(secrets.missing.into_iter().map(of_brand));
            warnings.extend(secrets.warnings.into_iter().map(of_brand));
        }
        match place {
            Some(place) if mistakes.is_empty() => {
                Ok(Self { file, place, brands, missing, warnings })
            }
            _ => Err(mistakes),
        }
    }

    /// The size and timeouts of the connection pool.
    #[must_use]
    pub fn pool_size(&self) -> PoolSize {
        PoolSize {
            connections: self.file.database.max_connections,
            acquire_timeout: ACQUIRE_TIMEOUT,
            statement: Some(STATEMENT),
        }
    }
}

/// How long all work except lookups waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout of a statement. No statement needs a tenth of this, so a statement that reaches it hangs.
const STATEMENT: Duration = Duration::from_secs(10);

/// Chooses the database: `DATABASE_URL`, else the URL of the settings, else the embedded server.
fn place(file: &SettingsFile, mistakes: &mut Vec<Mistake>, source: &Source<'_>) -> Option<Place> {
    let database = &file.database;
    if let Some(url) = environment("DATABASE_URL") {
        return Some(Place::Server(Url(url.trim_end_matches(['\r', '\n']).to_owned())));
    }
    if !database.url_file.is_empty() {
        return match std::fs::read_to_string(&database.url_file) {
            Ok(url) => Some(Place::Server(Url(url.trim().to_owned()))),
            Err(error) => {
                mistakes.push(
                    source.at("database.url_file", format!("{}: {error}", database.url_file)),
                );
                None
            }
        };
    }
    if !database.url.is_empty() {
        return Some(Place::Server(Url(database.url.clone())));
    }
    let data_dir = if database.data_dir.is_empty() {
        default_data_dir()
    } else {
        Some(PathBuf::from(&database.data_dir))
    };
    let Some(data_dir) = data_dir else {
        mistakes.push(source.at(
            "database.data_dir",
            "must be set, because neither XDG_DATA_HOME nor HOME is set".to_owned(),
        ));
        return None;
    };
    // The working directory of Postgres is another one, so the path must be absolute.
    let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
    let postgres_bin =
        (!database.postgres_bin.is_empty()).then(|| PathBuf::from(&database.postgres_bin));
    let cache_dir = default_cache_dir();
    let fetch = database.download_postgres && cache_dir.is_some();
    Some(Place::Embedded(Layout {
        data_dir,
        postgres_bin,
        cache_dir: cache_dir.unwrap_or_default(),
        fetch,
        durable: true,
    }))
}

/// Refuses a suppression file inside the data directory: a restored backup of the data would replace the file with an
/// old copy.
fn check_suppression_file(
    file: &SettingsFile,
    place: Option<&Place>,
    mistakes: &mut Vec<Mistake>,
    source: &Source<'_>,
) {
    let Some(path) = chosen_suppression_file(file) else {
        mistakes.push(source.at(
            "erasure.suppression_file",
            "must be set, because neither XDG_STATE_HOME nor HOME is set".to_owned(),
        ));
        return;
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    if let Some(Place::Embedded(layout)) = place
        && path.starts_with(&layout.data_dir)
    {
        let data = layout.data_dir.display();
        mistakes.push(source.at(
            "erasure.suppression_file",
            format!(
                "must not be below {data}: a restored backup of it would replace this file too"
            ),
        ));
    }
}

/// Checks the numbers against their bounds, and the addresses, paths and URLs.
fn check_numbers(file: &SettingsFile, mistakes: &mut Vec<Mistake>, source: &Source<'_>) {
    let (server, lookup, limits, inbox) = (&file.server, &file.lookup, &file.limits, &file.inbox);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    const YEAR: u64 = 366 * 24 * 3_600;
    for (key, number, least, most) in [
        ("server.workers", count(server.workers), 0, 512),
        ("server.drain_seconds", server.drain_seconds, 0, 3_600),
        ("server.shutdown_timeout_seconds", server.shutdown_timeout_seconds, 0, 3_600),
        ("lookup.deadline_ms", lookup.deadline_ms, 50, 60_000),
        ("lookup.max_customers", lookup.max_customers, 1, 1_000),
        ("lookup.cache_megabytes", lookup.cache_megabytes, 0, 1 << 20),
        ("lookup.cache_seconds", lookup.cache_seconds, 0, YEAR),
        ("lookup.negative_cache_seconds", lookup.negative_cache_seconds, 0, YEAR),
        ("lookup.stale_if_error_seconds", lookup.stale_if_error_seconds, 0, YEAR),
        ("lookup.max_waiting", lookup.max_waiting, 1, 1 << 20),
        ("lookup.database_connections", count(lookup.database_connections), 1, 100),
        ("limits.lookups_per_second", u64::from(limits.lookups_per_second), 1, u64::from(u32::MAX)),
        (
            "limits.wrong_keys_per_minute",
            u64::from(limits.wrong_keys_per_minute),
            1,
            u64::from(u32::MAX),
        ),
        (
            "limits.not_found_per_minute",
            u64::from(limits.not_found_per_minute),
            1,
            u64::from(u32::MAX),
        ),
        (
            "limits.identical_webhooks_per_minute",
            u64::from(limits.identical_webhooks_per_minute),
            1,
            1_000_000,
        ),
        ("inbox.dedup_history_size", u64::from(inbox.dedup_history_size), 0, 100),
        ("limits.max_tracked_networks", limits.max_tracked_networks, 1, 1 << 32),
        ("inbox.max_body_kilobytes", inbox.max_body_kilobytes, 1, 16 * 1024),
        ("inbox.ack_timeout_ms", inbox.ack_timeout_ms, 50, 900),
        ("inbox.body_memory_megabytes", inbox.body_memory_megabytes, 1, 1 << 20),
        ("inbox.database_connections", count(inbox.database_connections), 1, 100),
        ("inbox.workers", count(inbox.workers), 0, 100),
        ("inbox.batch_size", u64::from(inbox.batch_size), 1, 2_000),
        ("inbox.lease_seconds", inbox.lease_seconds, 1, 3_600),
        ("inbox.max_attempts", u64::from(inbox.max_attempts), 1, 1_000),
        ("inbox.retention_days", u64::from(inbox.retention_days), 1, 36_500),
        (
            "inbox.dedup_retention_days",
            u64::from(inbox.dedup_retention_days),
            u64::from(inbox.retention_days),
            36_500,
        ),
        ("calls.connect_timeout_ms", file.calls.connect_timeout_ms, 10, 60_000),
        ("calls.response_timeout_ms", file.calls.response_timeout_ms, 10, 300_000),
        (
            "calls.total_timeout_ms",
            file.calls.total_timeout_ms,
            file.calls.response_timeout_ms,
            600_000,
        ),
        ("calls.max_response_kilobytes", file.calls.max_response_kilobytes, 1, 256 * 1024),
        ("calls.max_concurrent", count(file.calls.max_concurrent), 1, 1_000),
        ("calls.breaker_failures", u64::from(file.calls.breaker_failures), 1, 1_000),
        ("calls.breaker_open_seconds", file.calls.breaker_open_seconds, 1, 3_600),
        ("sync.reconcile_hours", u64::from(file.sync.reconcile_hours), 0, 24 * 366),
        ("sync.incremental_minutes", u64::from(file.sync.incremental_minutes), 0, 24 * 60),
        ("sync.lease_seconds", file.sync.lease_seconds, 5, 3_600),
        ("sync.max_deletions_percent", u64::from(file.sync.max_deletions_percent), 0, 100),
        ("sync.follow_up_max_attempts", u64::from(file.sync.follow_up_max_attempts), 1, 1_000),
        ("server.max_connections", count(server.max_connections), 1, 100_000),
        ("erasure.max_erased_percent", u64::from(file.erasure.max_erased_percent), 0, 100),
        (
            "database.max_connections",
            u64::try_from(file.database.max_connections).unwrap_or(u64::MAX),
            2,
            10_000,
        ),
    ] {
        if number < least {
            let other = match key {
                "calls.total_timeout_ms" => ", which is calls.response_timeout_ms",
                "inbox.dedup_retention_days" => ", which is inbox.retention_days",
                _ => "",
            };
            mistakes.push(source.at(key, format!("must be at least {least}{other}")));
        } else if number > most {
            mistakes.push(source.at(key, format!("must be at most {most}")));
        }
    }
    if is_reserved(&file.lookup.path)
        || file.lookup.path.contains(['?', '#', '{', '}'])
        || !file.lookup.path.starts_with('/')
        || file.lookup.path == "/"
    {
        mistakes.push(
            source.at(
                "lookup.path",
                "must be a path that no other endpoint uses, such as \"/omnidesk/customerlookup\""
                    .to_owned(),
            ),
        );
    }
    for (key, address) in [
        ("server.listen", &file.server.listen),
        ("server.metrics_listen", &file.server.metrics_listen),
    ] {
        let off = key == "server.metrics_listen" && address.is_empty();
        if !off
            && address
                .rsplit_once(':')
                .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
        {
            mistakes.push(
                source.at(
                    key,
                    "must be an address and a port, such as \"127.0.0.1:8080\"".to_owned(),
                ),
            );
        }
    }
    if file.server.listen == file.server.metrics_listen {
        mistakes
            .push(source.at("server.metrics_listen", "must differ from server.listen".to_owned()));
    }
    let url = &file.database.url;
    if !url.is_empty() && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        mistakes.push(source.at(
            "database.url",
            "must be a URL, such as \"postgres://user@host/database\"".to_owned(),
        ));
    }
    let word = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    if !word(&file.lookup.key_parameter)
        || ["channelAddressType", "address", "ticketID", "primaryID"]
            .contains(&file.lookup.key_parameter.as_str())
    {
        let what = "must have only letters, digits, - and _, and must not be a parameter of Omnidesk; write a name such as \"key\"";
        mistakes.push(source.at("lookup.key_parameter", what.to_owned()));
    }
    if tracing::Level::from_str_checked(&file.telemetry.level).is_none() {
        mistakes.push(source.at(
            "telemetry.level",
            "must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\"".to_owned(),
        ));
    }
    if !file.server.public_url.is_empty()
        && !["http://", "https://"].iter().any(|scheme| file.server.public_url.starts_with(scheme))
    {
        mistakes.push(
            source.at(
                "server.public_url",
                "must be a URL, such as \"https://api.brand.nl\"".to_owned(),
            ),
        );
    }
}

trait LevelName: Sized {
    fn from_str_checked(name: &str) -> Option<Self>;
}

impl LevelName for tracing::Level {
    fn from_str_checked(name: &str) -> Option<Self> {
        ["error", "warn", "info", "debug", "trace"]
            .contains(&name)
            .then(|| name.parse().ok())
            .flatten()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn find_file() -> Option<PathBuf> {
    let named = environment("HOOKPOINT_SETTINGS").map(PathBuf::from);
    named.or_else(|| {
        ["hookpoint.toml", "/etc/hookpoint/hookpoint.toml"]
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
    })
}

/// The login name of the person who runs the command.
#[must_use]
pub fn user_name() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(environment)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// A directory of this program. Returns `None` if the environment names none. A shared temporary directory is never
/// used instead: another user could put files there first.
fn home(xdg: &str, below_home: &str, of_root: &str) -> Option<PathBuf> {
    if is_root() {
        return Some(PathBuf::from(of_root));
    }
    let base = environment(xdg)
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(below_home)));
    base.map(|base| base.join("hookpoint"))
}

fn default_data_dir() -> Option<PathBuf> {
    home("XDG_DATA_HOME", ".local/share", "/var/lib/hookpoint")
}

/// The path of the suppression file. Settings that passed the checks always have one.
#[must_use]
pub fn suppression_file(file: &SettingsFile) -> PathBuf {
    chosen_suppression_file(file).unwrap_or_default()
}

fn chosen_suppression_file(file: &SettingsFile) -> Option<PathBuf> {
    if file.erasure.suppression_file.is_empty() {
        home("XDG_STATE_HOME", ".local/state", "/var/lib/hookpoint-erasures")
            .map(|dir| dir.join("ledger.jsonl"))
    } else {
        Some(PathBuf::from(&file.erasure.suppression_file))
    }
}

/// The directory for binaries that npm downloads. `None` if the environment names none: then nothing is downloaded.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    environment("HOOKPOINT_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| home("XDG_CACHE_HOME", ".cache", "/var/cache/hookpoint"))
}

/// The directories of the `PATH`.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    environment("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
