//! The fuzz targets as plain functions: each takes any bytes and panics if a promise is broken. `tests/fuzz.rs` runs
//! them over the committed corpus, `driver.rs` runs them in libFuzzer.

mod email;
mod forwarded;
mod phone;
mod query;
mod sources;
mod verification;

use std::path::PathBuf;

use hookpoint::customer::model::source::Source;

/// One target.
pub struct Target {
    /// The target's name, and the name of its corpus in `fixtures/fuzz`.
    pub name: &'static str,
    /// Checks the promises for any bytes.
    pub check: fn(&[u8]),
    /// Further inputs to start with: other fixtures, in the format of the target.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 9] = [
    Target { name: "query", check: query::check, seeds: query::seeds },
    Target { name: "phone", check: phone::check, seeds: phone::seeds },
    Target { name: "email", check: email::check, seeds: email::seeds },
    Target { name: "forwarded", check: forwarded::check, seeds: forwarded::seeds },
    Target {
        name: "omniotap",
        check: |data| sources::check(Source::OmnioTap, data),
        seeds: || sources::seeds(Source::OmnioTap),
    },
    Target {
        name: "omneo",
        check: |data| sources::check(Source::Omneo, data),
        seeds: || sources::seeds(Source::Omneo),
    },
    Target {
        name: "omnilab",
        check: |data| sources::check(Source::OmniLab, data),
        seeds: || sources::seeds(Source::OmniLab),
    },
    Target {
        name: "syncaroo",
        check: |data| sources::check(Source::Syncaroo, data),
        seeds: || sources::seeds(Source::Syncaroo),
    },
    Target { name: "verification", check: verification::check, seeds: verification::seeds },
];

/// The repository's `fixtures`: the tests and the driver are packages in different directories.
pub fn fixtures() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = package
        .ancestors()
        .map(|directory| directory.join("fixtures"))
        .find(|directory| directory.is_dir());
    found.expect("the repository's fixtures")
}
