//! The environment of the process: its variables and its user. Nothing else reads them.

use std::path::PathBuf;

/// An environment variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The settings file: the one that the environment names, or the first that exists of the default places.
pub(super) fn find_file() -> Option<PathBuf> {
    let named = environment("HOOKPOINT_SETTINGS").map(PathBuf::from);
    named.or_else(|| default_files().into_iter().find(|path| path.is_file()))
}

/// Where the settings file is looked for if neither an argument nor the environment names it.
pub(super) fn default_files() -> [PathBuf; 2] {
    ["hookpoint.toml", "/etc/hookpoint/hookpoint.toml"].map(PathBuf::from)
}

/// The settings file of a new installation: the one that the environment names, or one in the current directory.
#[must_use]
pub fn new_settings_file() -> PathBuf {
    environment("HOOKPOINT_SETTINGS").unwrap_or_else(|| "hookpoint.toml".to_owned()).into()
}

/// Whether the environment names a database, which overrides the one of the settings.
#[must_use]
pub fn has_database_url() -> bool {
    environment("DATABASE_URL").is_some()
}

/// The login name of the person who runs the command.
#[must_use]
pub fn user_name() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(environment)
}

/// The directories of the `PATH`.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    environment("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The directory for binaries that npm downloads. `None` if the environment names none: then nothing is downloaded.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    environment("HOOKPOINT_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| home("XDG_CACHE_HOME", ".cache", "/var/cache/hookpoint"))
}

/// The directory of the embedded Postgres.
pub(super) fn default_data_dir() -> Option<PathBuf> {
    home("XDG_DATA_HOME", ".local/share", "/var/lib/hookpoint")
}

/// The directory of the suppression file.
pub(super) fn default_suppression_dir() -> Option<PathBuf> {
    home("XDG_STATE_HOME", ".local/state", "/var/lib/hookpoint-erasures")
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

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}
