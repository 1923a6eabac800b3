//! Checks the identity settings of a brand, and makes its rules from them.

use std::collections::BTreeSet;

use super::file::IdentitySettings;
use super::values::kinds;
use crate::customer::identity::blocked_values::Blocklist;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::model::email::Email;
use crate::customer::model::phone::{Phone, Region};
use crate::customer::model::source::SourceKind;
use crate::sources::SettingProblem;

/// Makes the identity rules of a brand.
pub(super) fn identity(
    settings: &IdentitySettings,
    region: Option<Region>,
    found: &mut Vec<SettingProblem>,
) -> IdentityRules {
    let precedence = precedence(&settings.precedence, found);
    let one_record_per_person =
        kinds(&settings.one_record_per_person, "identity.one_record_per_person", found);
    let self_asserted = kinds(&settings.self_asserted, "identity.self_asserted", found);
    for (key, number) in [
        ("identity.shared_value_threshold", settings.shared_value_threshold),
        ("identity.component_cap", settings.component_cap),
    ] {
        if number == 0 {
            found.push(SettingProblem::new(key.to_owned(), "must be at least 1".to_owned()));
        }
    }
    IdentityRules {
        precedence,
        one_record_per_person: one_record_per_person.into_iter().collect(),
        self_asserted: self_asserted.into_iter().collect(),
        lookup_by_self_asserted: settings.lookup_by_self_asserted,
        region,
        shared_value_threshold: settings.shared_value_threshold,
        component_cap: settings.component_cap,
        link_by_email: settings.link_by_email,
        link_by_phone: settings.link_by_phone,
        email_link_requires_compatible_names: settings.email_link_requires_compatible_names,
        email_link_requires_first_name: settings.email_link_requires_first_name,
        phone_reassigned_after_years: settings.phone_reassigned_after_years,
        blocklist: blocklist(settings, region, found),
    }
}

/// The kinds of record in their order. Those that the settings do not list come last.
fn precedence(names: &[String], found: &mut Vec<SettingProblem>) -> Vec<SourceKind> {
    let mut precedence = kinds(names, "identity.precedence", found);
    let others =
        SourceKind::ALL.into_iter().filter(|kind| !names.iter().any(|name| name == kind.as_str()));
    precedence.extend(others);
    precedence
}

fn blocklist(
    settings: &IdentitySettings,
    region: Option<Region>,
    found: &mut Vec<SettingProblem>,
) -> Blocklist {
    let mut values = BTreeSet::new();
    for (n, value) in settings.blocked_values.iter().enumerate() {
        match canonical_address(value, region) {
            Some(canonical) => drop(values.insert(canonical)),
            None => found.push(SettingProblem::new(
                format!("identity.blocked_values.{n}"),
                "is neither an e-mail address nor a phone number".to_owned(),
            )),
        }
    }
    let mailboxes = settings.blocked_mailboxes.iter().map(|name| name.to_lowercase()).collect();
    Blocklist { mailboxes, values }
}

/// An e-mail address or phone number in canonical form.
fn canonical_address(value: &str, region: Option<Region>) -> Option<String> {
    let email = Email::parse(value).map(|email| email.as_str().to_owned());
    let phone = || Phone::normalise(value, region).map(|phone| phone.as_str().to_owned());
    email.ok().or_else(|| phone().ok())
}
