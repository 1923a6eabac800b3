//! Parses values that several settings have.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::customer::model::near_name::{did_you_mean, near_name};
use crate::customer::model::source::SourceKind;
use crate::sources::SettingProblem;

/// Parses names of kinds of record. Each may be listed once.
pub(super) fn kinds(
    names: &[String],
    key: &str,
    found: &mut Vec<SettingProblem>,
) -> Vec<SourceKind> {
    let mut kinds = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match name.parse::<SourceKind>() {
            Ok(kind) if kinds.contains(&kind) => {
                found.push(SettingProblem::new(
                    format!("{key}.{n}"),
                    format!("\"{name}\" is listed twice"),
                ));
            }
            Ok(kind) => kinds.push(kind),
            Err(_) => found.push(SettingProblem::new(format!("{key}.{n}"), not_a_kind(name))),
        }
    }
    kinds
}

/// The mistake of a name that is no kind of record.
pub(super) fn not_a_kind(name: &str) -> String {
    let near = near_name(name, SourceKind::ALL.map(SourceKind::as_str));
    let hint = did_you_mean(near, &format!("the kinds are {}", all_kinds()));
    format!("\"{name}\" is not a kind of record{hint}")
}

/// All kinds of record, for messages.
pub(super) fn all_kinds() -> String {
    SourceKind::ALL.map(SourceKind::as_str).join(", ")
}

/// Finds a time zone in the bundled database, so that every machine renders the same bytes.
pub(super) fn time_zone(
    key: &str,
    name: &str,
    found: &mut Vec<SettingProblem>,
) -> Option<TimeZone> {
    let database = TimeZoneDatabase::bundled();
    let zone = database.get(name).ok();
    if zone.is_none() {
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let near = near_name(name, names.iter().map(String::as_str));
        let hint = did_you_mean(near, "write an IANA name such as \"Europe/Amsterdam\"");
        let what = format!("is not a time zone{hint}");
        found.push(SettingProblem::new(key, what));
    }
    zone
}
