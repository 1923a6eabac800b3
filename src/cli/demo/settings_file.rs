//! The demo's settings as a file, for commands that run beside the demo.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::demo::webhook_signer::Secrets;
use crate::settings::SettingsFile;

/// The suppression list of the demo, beside its data. It is deleted with the data: an erasure in one demo must not erase
/// the same example customer in the next one.
pub(super) fn suppression_file(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("suppressions.jsonl")
}

/// The settings file of a demo with this data.
pub(super) fn settings_file(data_dir: &Path) -> PathBuf {
    data_dir.join("hookpoint.toml")
}

/// Writes the settings to a file, for commands that run beside the demo and for a reload. Each secret gets a file of its own.
pub(super) fn write_settings(
    data_dir: &Path,
    settings: &SettingsFile,
    brand: &str,
    secrets: &Secrets,
) -> anyhow::Result<PathBuf> {
    let SettingsFile { server, limits, console, sync, telemetry, .. } = settings;
    let mut text = format!(
        "[server]\nlisten = {:?}\nmetrics_listen = {:?}\ndrain_seconds = {}\n
[limits]\nlookups_per_second = {}\nwrong_keys_per_minute = {}\nnot_found_per_minute = {}\n
[console]\nlisten = {:?}\n
[sync]\nbackfill = {}\n
[telemetry]\nlevel = {:?}\n
[database]\ndata_dir = {:?}\n
[erasure]\nsuppression_file = {:?}\n\n{brand}",
        server.listen,
        server.metrics_listen,
        server.drain_seconds,
        limits.lookups_per_second,
        limits.wrong_keys_per_minute,
        limits.not_found_per_minute,
        console.listen,
        sync.backfill,
        telemetry.level,
        data_dir.display().to_string(),
        suppression_file(data_dir).display().to_string()
    );
    for (name, secret) in secrets.by_name() {
        let file = data_dir.join(name.to_lowercase());
        let mut open =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        open.write_all(&secret)?;
        text = text.replace(
            &format!("env = {name:?}"),
            &format!("file = {:?}", file.display().to_string()),
        );
    }
    let file = settings_file(data_dir);
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)?
        .write_all(text.as_bytes())?;
    Ok(file)
}
