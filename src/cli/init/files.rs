//! Writes the files of a new installation: each one completely or not at all, and never over another.

use std::fs::{DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::choices::{Choices, DatabaseChoice, Places};
use super::settings_text::settings_text;

/// A file to write.
struct NewFile {
    path: PathBuf,
    content: Vec<u8>,
    mode: u32,
}

/// The files of an installation. The settings come last: they name the others.
fn new_files(choices: &Choices, places: &Places) -> Vec<NewFile> {
    let secret = |path, secret: &[u8]| {
        // An empty file waits for its secret. Others end like a text file.
        let end: &[u8] = if secret.is_empty() { b"" } else { b"\n" };
        NewFile { path, content: [secret, end].concat(), mode: 0o600 }
    };
    let mut files = Vec::new();
    if let DatabaseChoice::Server(url) = &choices.database {
        files.push(secret(places.database_url(), url.key()));
    }
    for choice in choices.sources.iter().filter(|choice| choice.has_secret_file()) {
        let path = places.webhook_secret(&choices.brand, choice.source);
        files.push(secret(path, choice.secret.as_ref().map_or(&[], |secret| secret.key())));
    }
    files.push(NewFile {
        path: places.settings.clone(),
        content: settings_text(choices, places).into_bytes(),
        mode: 0o644,
    });
    files
}

/// Writes all files, and returns their paths. If one cannot be written, the error names those that
/// were.
pub(super) fn write_files(choices: &Choices, places: &Places) -> anyhow::Result<Vec<PathBuf>> {
    let files = new_files(choices, places);
    refuse_existing(files.iter().map(|file| file.path.as_path()))?;
    make_directories(places)?;
    let mut written = Vec::new();
    for file in &files {
        if let Err(error) = write_new(file) {
            let names = if written.is_empty() { "none".to_owned() } else { list(&written) };
            anyhow::bail!(
                "cannot write {}: {error}. Files that were written, which you can remove: {names}",
                file.path.display()
            );
        }
        written.push(file.path.clone());
    }
    Ok(written)
}

/// Fails if one of the paths exists, also as a link to nothing.
pub(super) fn refuse_existing<'a>(paths: impl Iterator<Item = &'a Path>) -> anyhow::Result<()> {
    let existing: Vec<PathBuf> =
        paths.filter(|path| path.symlink_metadata().is_ok()).map(Path::to_owned).collect();
    anyhow::ensure!(
        existing.is_empty(),
        "these files exist, and init does not overwrite them: {}. Nothing was written",
        list(&existing)
    );
    Ok(())
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Creates the directories of the files. Only their owner can read that of the secrets.
fn make_directories(places: &Places) -> anyhow::Result<()> {
    let parent = places.secrets.parent().unwrap_or(&places.secrets);
    let at = |path: &Path, error: &std::io::Error| {
        anyhow::anyhow!("cannot create the directory {}: {error}", path.display())
    };
    std::fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&places.secrets);
    made.map_err(|error| at(&places.secrets, &error))?;
    let mode = std::fs::metadata(&places.secrets)?.permissions().mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "other users can read the directory {0}; run chmod 700 {0} first. Nothing was written",
        places.secrets.display()
    );
    Ok(())
}

/// Writes a file under another name first. So nobody ever sees a part of it.
fn write_new(file: &NewFile) -> std::io::Result<()> {
    let directory = file.path.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::Builder::new()
        .prefix(".hookpoint-init-")
        .permissions(Permissions::from_mode(file.mode))
        .tempfile_in(directory)?;
    new.write_all(&file.content)?;
    new.as_file().sync_all()?;
    new.persist_noclobber(&file.path)?;
    Ok(())
}
