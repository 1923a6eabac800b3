//! Parses values that several settings have.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::mistake::Found;
use crate::customer::model::source::SourceKind;

/// Parses names of kinds of record. Each may be listed once.
pub(super) fn kinds(names: &[String], key: &str, found: &mut Found) -> Vec<SourceKind> {
    let mut kinds = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match name.parse::<SourceKind>() {
            Ok(kind) if kinds.contains(&kind) => {
                found.push((format!("{key}.{n}"), format!("\"{name}\" is listed twice")));
            }
            Ok(kind) => kinds.push(kind),
            Err(_) => found.push((format!("{key}.{n}"), not_a_kind(name))),
        }
    }
    kinds
}

/// The mistake of a name that is no kind of record.
pub(super) fn not_a_kind(name: &str) -> String {
    format!("\"{name}\" is not a kind of record; the kinds are {}", all_kinds())
}

/// All kinds of record, for messages.
pub(super) fn all_kinds() -> String {
    SourceKind::ALL.map(SourceKind::as_str).join(", ")
}

/// Finds a time zone in the bundled database, so that every machine renders the same bytes.
pub(super) fn time_zone(key: &str, name: &str, found: &mut Found) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok();
    if zone.is_none() {
        let what = "is not a time zone; write an IANA name such as \"Europe/Amsterdam\"";
        found.push((key.to_owned(), what.to_owned()));
    }
    zone
}
