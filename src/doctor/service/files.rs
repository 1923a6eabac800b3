//! Checks of files and disks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfs, access, statvfs};

use super::check::ServiceCheck;
use crate::brand::Brand;
use crate::doctor::finding::{Finding, Observation};
use crate::erasure::suppression_file::{SuppressionFile, SuppressionFileError};
use crate::storage::suppressions::SuppressionKey;

/// Below this share of free space, in percent, or this many bytes, a disk is nearly full.
const LOW_PERCENT: u64 = 5;
const LOW_BYTES: u64 = 1024 * 1024 * 1024;

/// Below this many bytes, a disk is full.
const NO_BYTES: u64 = 64 * 1024 * 1024;

/// Checks the suppression file, with the keys of the brands.
pub fn check_suppression_file<'b>(
    path: &Path,
    brands: impl Iterator<Item = &'b Brand>,
) -> Vec<Finding> {
    let file = SuppressionFile::new(path.to_owned());
    let read = brands
        // A brand that is not stored yet takes over the key of the file.
        .filter(|brand| brand.id() > 0)
        .map(|brand| (&brand.rules.slug, &brand.suppression_key))
        .find_map(|(slug, key)| foreign(&file, slug, key));
    let observation = match read.map_or_else(|| file.read().err(), Some) {
        Some(error) => Observation::fail(error.to_string()),
        None => writable(path),
    };
    vec![ServiceCheck::SuppressionFile.found(observation)]
}

fn foreign(
    file: &SuppressionFile,
    slug: &str,
    key: &SuppressionKey,
) -> Option<SuppressionFileError> {
    file.read_brand(slug, key).err()
}

/// Whether the file, or the directory in which it would be created, can be written.
fn writable(path: &Path) -> Observation {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        let directory = nearest_directory(path);
        return if access(&directory, Access::WRITE_OK).is_ok() {
            Observation::pass("it is created by the first erasure")
        } else {
            Observation::fail("it cannot be created")
        };
    };
    if !metadata.is_file() {
        Observation::fail("it is not a file")
    } else if access(path, Access::WRITE_OK).is_err() {
        Observation::fail("it cannot be written")
    } else if metadata.permissions().mode() & 0o077 != 0 {
        Observation::warn("other users can read it")
    } else {
        Observation::pass("it can be read and written")
    }
}

/// The directory of a path, or the nearest one above that exists.
fn nearest_directory(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = absolute.ancestors().skip(1).find(|directory| directory.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

/// Checks the free space where these files and directories are.
#[must_use]
pub fn check_disks(paths: &[PathBuf]) -> Vec<Finding> {
    let directories: BTreeSet<PathBuf> = paths
        .iter()
        .map(|path| if path.is_dir() { path.clone() } else { nearest_directory(path) })
        .collect();
    let each = directories.into_iter().map(|directory| {
        let observation = match statvfs(&directory) {
            Ok(disk) => free_space(&disk),
            Err(_) => Observation::skipped("the free space cannot be read"),
        };
        ServiceCheck::Disk.found_of(directory.display().to_string(), observation)
    });
    each.collect()
}

fn free_space(disk: &StatVfs) -> Observation {
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    judge_space(bytes, disk.f_blocks.saturating_mul(disk.f_frsize))
}

/// Judges free space, in bytes, on a disk of that many bytes.
#[must_use]
pub fn judge_space(free: u64, all: u64) -> Observation {
    let percent = free.saturating_mul(100).checked_div(all).unwrap_or(100);
    let seen = format!("free: {} MB, {percent}%", free / (1024 * 1024));
    if free < NO_BYTES {
        Observation::fail(seen)
    } else if free < LOW_BYTES || percent < LOW_PERCENT {
        Observation::warn(seen)
    } else {
        Observation::pass(seen)
    }
}
