//! Checks the settings of a brand's sources.

use std::collections::BTreeMap;

use serde::Serialize;

use super::values::{all_kinds, kinds, not_a_kind, time_zone};
use crate::customer::model::source::SourceKind;
use crate::sources::SettingProblem;
use crate::sources::SourceSettings;
use crate::sources::omnilab::ExternalIdKinds;

/// Finds the mistakes in the settings of all sources, except those of secrets.
pub(super) fn check_sources(sources: &SourceSettings, found: &mut Vec<SettingProblem>) {
    check_external_id_kind(&sources.omnilab.external_id_kind, found);
    time_zone("sources.omneo.time_zone", &sources.omneo.time_zone, found);
    check_identity_kinds(&sources.omneo.identity_kinds, found);
    check_priorities(sources, found);
    check_pointers("omnilab.pointers", &sources.omnilab.pointers, found);
    check_pointers("omnilab.booking_pointers", &sources.omnilab.booking_pointers, found);
    check_pointers("syncaroo.pointers", &sources.syncaroo.pointers, found);
}

/// Whether a name is a kind of record, or empty for none.
fn is_kind_or_empty(name: &str) -> bool {
    name.is_empty() || name.parse::<SourceKind>().is_ok()
}

fn check_external_id_kind(kind: &ExternalIdKinds, found: &mut Vec<SettingProblem>) {
    let key = "sources.omnilab.external_id_kind";
    match kind {
        ExternalIdKinds::One(name) if is_kind_or_empty(name) => {}
        ExternalIdKinds::One(_) => {
            found.push(SettingProblem::new(
                key.to_owned(),
                format!("must be \"\" or one of {}", all_kinds()),
            ));
        }
        ExternalIdKinds::Several(names) => drop(kinds(names, key, found)),
    }
}

fn check_identity_kinds(
    identity_kinds: &BTreeMap<String, String>,
    found: &mut Vec<SettingProblem>,
) {
    for (handle, name) in identity_kinds.iter().filter(|(_, name)| !is_kind_or_empty(name)) {
        found.push(SettingProblem::new(
            format!("sources.omneo.identity_kinds.{handle}"),
            not_a_kind(name),
        ));
    }
}

fn check_priorities(sources: &SourceSettings, found: &mut Vec<SettingProblem>) {
    for (n, action) in sources.syncaroo.webhook_priorities.0.iter().enumerate() {
        for (key, value) in [("attribute", &action.attribute), ("resource", &action.resource)] {
            if value.is_empty() {
                found.push(SettingProblem::new(
                    format!("sources.syncaroo.webhook_priorities.{n}.{key}"),
                    "must not be empty; \"*\" matches any value".to_owned(),
                ));
            }
        }
    }
}

/// Finds the JSON pointers of a table that are none.
fn check_pointers(table: &str, pointers: &impl Serialize, found: &mut Vec<SettingProblem>) {
    let pointers: BTreeMap<String, String> =
        serde_json::to_value(pointers).and_then(serde_json::from_value).unwrap_or_default();
    let wrong =
        pointers.iter().filter(|(_, pointer)| !pointer.is_empty() && !pointer.starts_with('/'));
    for (name, pointer) in wrong {
        found.push(SettingProblem::new(
            format!("sources.{table}.{name}"),
            format!("\"{pointer}\" is not a JSON pointer: a pointer starts with /, as in \"/data/email\""),
        ));
    }
}
