//! Checks the settings of a brand, and makes its rules from them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::file::{BrandSettings, IdentitySettings};
use super::webhooks;
use super::webhooks::Secrets;
use crate::brand::BrandRules;
use crate::customer::answer::presentation::{PresentationRules, Presenter};
use crate::customer::identity::blocked_values::Blocklist;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::model::email::Email;
use crate::customer::model::phone::{Phone, Region};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::SourceSettings;
use crate::sources::omnilab::ExternalIdKinds;
use crate::sources::secret::Fetch;

/// Mistakes: the key of each, and what is wrong.
pub(super) type Found = Vec<(String, String)>;

/// Checks the settings of a brand. On failure, returns all mistakes. Missing secrets go to `secrets` instead.
pub(super) fn validate(
    slug: &str,
    settings: &BrandSettings,
    fetch: Fetch<'_>,
    secrets: &mut Secrets,
) -> Result<BrandRules, Found> {
    let mut found = Found::new();
    let starts_well = slug.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !starts_well
        || slug.len() > 63
        || !slug
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    {
        found.push((String::new(), "a brand's name has 1 to 63 lower-case letters, digits, - and _, and begins with a letter or digit".to_owned()));
    }
    let time_zone = time_zone("time_zone", &settings.time_zone, &mut found);
    let locale = settings
        .locale
        .parse()
        .map_err(|_| found.push(("locale".to_owned(), "must be \"en\" or \"nl\"".to_owned())));
    let region = region(&settings.default_region)
        .map_err(|what| found.push(("default_region".to_owned(), what)));
    let identity = identity(&settings.identity, region.ok().flatten(), &mut found);
    let precedence = settings
        .precedence
        .iter()
        .map(|(field, precedence)| {
            (field.clone(), kinds(precedence, &format!("precedence.{field}"), &mut found))
        })
        .collect();
    check_sources(&settings.sources, &mut found);
    check_fields(settings, &mut found);
    let webhook_verifiers = webhooks::open(&settings.sources, fetch, &mut found, secrets);
    let accounts = webhooks::connect(&settings.sources, fetch, &mut found, secrets);
    let (Some(time_zone), Ok(locale), true) = (time_zone, locale, found.is_empty()) else {
        return Err(found);
    };
    let urls = Source::ALL
        .into_iter()
        .map(|source| (source, settings.sources.event_url(source).to_owned()))
        .filter(|(_, url)| !url.is_empty());
    let presentation = PresentationRules {
        time_zone,
        time_zone_name: settings.time_zone.clone(),
        locale,
        custom_fields: settings
            .custom_fields
            .iter()
            .map(|field| (field.name.clone(), field.value.clone()))
            .collect(),
        messages: settings.timeline.messages.clone(),
        url_templates: urls.collect(),
        timeline_type: settings.timeline.kind.clone(),
        timeline_limit: settings.timeline.limit,
        hidden_events: settings.timeline.hide.clone(),
        merging: format!(
            "{:?}|{:?}|{}",
            settings.precedence, settings.identity.precedence, settings.default_region
        ),
    };
    let presenter = Presenter::compile(presentation)
        .map_err(|error| vec![(error.template.clone(), error.to_string())])?;
    Ok(BrandRules {
        slug: slug.to_owned(),
        allowed_networks: settings.allowed_networks.clone(),
        identity,
        precedence,
        presenter,
        sources: settings.sources.clone(),
        webhook_verifiers,
        accounts,
        reference_ids: settings.reference_ids.clone(),
    })
}

fn region(name: &str) -> Result<Option<Region>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_| {
        "is not a region; write two capital letters such as \"NL\", or \"\" for none".to_owned()
    })
}

fn kinds(names: &[String], key: &str, found: &mut Found) -> Vec<SourceKind> {
    let mut kinds = Vec::new();
    for (n, name) in names.iter().enumerate() {
        match name.parse::<SourceKind>() {
            Ok(kind) if kinds.contains(&kind) => {
                found.push((format!("{key}.{n}"), format!("\"{name}\" is listed twice")))
            }
            Ok(kind) => kinds.push(kind),
            Err(_) => found.push((
                format!("{key}.{n}"),
                format!(
                    "\"{name}\" is not a kind of record; the kinds are {}",
                    SourceKind::ALL.map(SourceKind::as_str).join(", ")
                ),
            )),
        }
    }
    kinds
}

fn identity(
    settings: &IdentitySettings,
    region: Option<Region>,
    found: &mut Found,
) -> IdentityRules {
    let mut precedence = kinds(&settings.precedence, "identity.precedence", found);
    precedence.extend(
        SourceKind::ALL
            .into_iter()
            .filter(|kind| !settings.precedence.iter().any(|name| name == kind.as_str())),
    );
    let one_record_per_person =
        kinds(&settings.one_record_per_person, "identity.one_record_per_person", found)
            .into_iter()
            .collect();
    let self_asserted =
        kinds(&settings.self_asserted, "identity.self_asserted", found).into_iter().collect();
    for (key, number) in [
        ("identity.shared_value_threshold", settings.shared_value_threshold),
        ("identity.component_cap", settings.component_cap),
    ] {
        if number == 0 {
            found.push((key.to_owned(), "must be at least 1".to_owned()));
        }
    }
    let mut values = BTreeSet::new();
    for (n, value) in settings.blocked_values.iter().enumerate() {
        let email = Email::parse(value).map(|email| email.as_str().to_owned());
        let phone = || Phone::normalise(value, region).map(|phone| phone.as_str().to_owned());
        match email.or_else(|_| phone()) {
            Ok(canonical) => {
                values.insert(canonical);
            }
            Err(_) => found.push((
                format!("identity.blocked_values.{n}"),
                "is neither an e-mail address nor a phone number".to_owned(),
            )),
        }
    }
    let mailboxes = settings.blocked_mailboxes.iter().map(|name| name.to_lowercase()).collect();
    IdentityRules {
        precedence,
        one_record_per_person,
        self_asserted,
        lookup_by_self_asserted: settings.lookup_by_self_asserted,
        region,
        shared_value_threshold: settings.shared_value_threshold,
        component_cap: settings.component_cap,
        link_by_email: settings.link_by_email,
        link_by_phone: settings.link_by_phone,
        email_link_requires_compatible_names: settings.email_link_requires_compatible_names,
        email_link_requires_first_name: settings.email_link_requires_first_name,
        phone_reassigned_after_years: settings.phone_reassigned_after_years,
        blocklist: Blocklist { mailboxes, values },
    }
}

/// Finds a time zone in the bundled database, so that every machine renders the same bytes.
fn time_zone(key: &str, name: &str, found: &mut Found) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok();
    if zone.is_none() {
        found.push((
            key.to_owned(),
            "is not a time zone; write an IANA name such as \"Europe/Amsterdam\"".to_owned(),
        ));
    }
    zone
}

fn check_sources(sources: &SourceSettings, found: &mut Found) {
    let kind = |name: &str| name.is_empty() || name.parse::<SourceKind>().is_ok();
    let choices = SourceKind::ALL.map(SourceKind::as_str).join(", ");
    let external_id_kind = "sources.omnilab.external_id_kind";
    match &sources.omnilab.external_id_kind {
        ExternalIdKinds::One(name) if !kind(name) => {
            found.push((external_id_kind.to_owned(), format!("must be \"\" or one of {choices}")))
        }
        ExternalIdKinds::One(_) => {}
        ExternalIdKinds::Several(names) => drop(kinds(names, external_id_kind, found)),
    }
    time_zone("sources.omneo.time_zone", &sources.omneo.time_zone, found);
    for (handle, name) in sources.omneo.identity_kinds.iter().filter(|(_, name)| !kind(name)) {
        found.push((
            format!("sources.omneo.identity_kinds.{handle}"),
            format!("\"{name}\" is not a kind of record; the kinds are {choices}"),
        ));
    }
    for (n, action) in sources.syncaroo.webhook_priorities.0.iter().enumerate() {
        for (key, value) in [("attribute", &action.attribute), ("resource", &action.resource)] {
            if value.is_empty() {
                found.push((
                    format!("sources.syncaroo.webhook_priorities.{n}.{key}"),
                    "must not be empty; \"*\" matches any value".to_owned(),
                ));
            }
        }
    }
    let pointers = [
        ("omnilab.pointers", serde_json::to_value(&sources.omnilab.pointers)),
        ("omnilab.booking_pointers", serde_json::to_value(&sources.omnilab.booking_pointers)),
        ("syncaroo.pointers", serde_json::to_value(&sources.syncaroo.pointers)),
    ];
    for (table, pointers) in pointers {
        let pointers: BTreeMap<String, String> =
            pointers.ok().and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        for (name, pointer) in
            pointers.iter().filter(|(_, pointer)| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            found.push((
                format!("sources.{table}.{name}"),
                format!(
                    "\"{pointer}\" is not a JSON pointer: it starts with /, as in \"/data/email\""
                ),
            ));
        }
    }
}

fn check_fields(settings: &BrandSettings, found: &mut Found) {
    let mut names = BTreeSet::new();
    for (n, field) in settings.custom_fields.iter().enumerate() {
        if field.name.is_empty() {
            found.push((format!("custom_fields.{n}.name"), "must not be empty".to_owned()));
        } else if !names.insert(&field.name) {
            found.push((
                format!("custom_fields.{n}.name"),
                format!("\"{}\" is used twice; each name may be used once", field.name),
            ));
        }
    }
    if !(1..=1_000).contains(&settings.timeline.limit) {
        found.push(("timeline.limit".to_owned(), "must be between 1 and 1000".to_owned()));
    }
}
