//! The demo's settings as a file, for commands that run beside the demo.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::demo::webhook_signer::Secrets;

/// The suppression list of the demo, beside its data. It is deleted with the data: an erasure in one demo must not erase
/// the same example customer in the next one.
pub(super) fn suppression_file(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("suppressions.jsonl")
}

/// Writes the settings to a file, for commands that run beside the demo. Each secret gets a file of its own.
pub(super) fn write_settings(
    data_dir: &Path,
    console: &str,
    brand: &str,
    secrets: &Secrets,
) -> anyhow::Result<PathBuf> {
    let mut text = format!(
        "[database]\ndata_dir = {:?}\n\n[erasure]\nsuppression_file = {:?}\n\n[console]\nlisten = {console:?}\n\n{brand}",
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
    let file = data_dir.join("hookpoint.toml");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)?
        .write_all(text.as_bytes())?;
    Ok(file)
}
