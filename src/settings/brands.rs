//! Checks the settings of a brand, and makes its rules from them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::agent_page::{check_agent_page, usage};
use super::file::BrandSettings;
use super::identity::identity;
use super::secrets::{Secrets, accounts, verifiers};
use super::sources::check_sources;
use super::values::{kinds, time_zone};
use super::warnings::doubtful_settings;
use crate::brand::BrandRules;
use crate::customer::answer::filters::Locale;
use crate::customer::answer::presentation::{PresentationRules, Presenter};
use crate::customer::model::phone::Region;
use crate::customer::model::source::Source;
use crate::sources::SettingProblem;
use crate::sources::secret::Fetch;

/// The settings of a brand, checked.
pub(super) struct CheckedBrand {
    /// `None` if there are mistakes.
    pub(super) rules: Option<BrandRules>,
    pub(super) mistakes: Vec<SettingProblem>,
    /// Secrets that could not be read.
    pub(super) missing: Vec<SettingProblem>,
    /// Settings that are valid, but probably wrong.
    pub(super) warnings: Vec<SettingProblem>,
}

/// Checks the settings of a brand, and finds all mistakes.
pub(super) fn check(slug: &str, settings: &BrandSettings, fetch: Fetch<'_>) -> CheckedBrand {
    let mut found = Vec::new();
    let mut secrets = Secrets::default();
    check_slug(slug, &mut found);
    let time_zone = time_zone("time_zone", &settings.time_zone, &mut found);
    let locale = locale(&settings.locale, &mut found);
    let region = region(&settings.default_region, &mut found);
    let identity = identity(&settings.identity, region, &mut found);
    let precedence = settings
        .precedence
        .iter()
        .map(|(field, names)| {
            (field.clone(), kinds(names, &format!("precedence.{field}"), &mut found))
        })
        .collect();
    check_sources(&settings.sources, &mut found);
    check_custom_fields(settings, &mut found);
    check_timeline_limit(settings.timeline.limit, &mut found);
    found.extend(check_agent_page(&settings.agent_page));
    let webhook_verifiers = verifiers(&settings.sources, fetch, &mut found, &mut secrets);
    let accounts = accounts(&settings.sources, fetch, &mut found, &mut secrets);
    // Templates are checked also if the zone or the language is wrong.
    let (zone, language) = (time_zone.unwrap_or(TimeZone::UTC), locale.unwrap_or(Locale::English));
    let presentation = presentation_rules(settings, zone, language);
    let mut warnings = secrets.warnings;
    warnings.extend(doubtful_settings(settings, &presentation));
    let presenter = Presenter::compile(presentation).map_err(|errors| {
        let errors = errors.into_iter();
        found.extend(errors.map(|error| SettingProblem::new(error.template, error.problem)));
    });
    let rules = presenter.ok().filter(|_| found.is_empty()).map(|presenter| BrandRules {
        slug: slug.to_owned(),
        allowed_networks: settings.allowed_networks.clone(),
        identity,
        precedence,
        presenter,
        sources: settings.sources.clone(),
        webhook_verifiers,
        accounts,
        unreadable_secrets: unreadable(&secrets.missing),
        reference_ids: settings.reference_ids.clone(),
        agent_page: settings.agent_page.clone(),
    });
    CheckedBrand { rules, mistakes: found, missing: secrets.missing, warnings }
}

/// Why the secrets of APIs cannot be read, by source.
fn unreadable(missing: &[SettingProblem]) -> BTreeMap<Source, String> {
    let of = |source: Source| {
        let table = format!("sources.{}.api.", source.as_str());
        let problem = missing.iter().find(|problem| problem.key.starts_with(&table))?;
        Some((source, format!("{} {}", problem.key, problem.what)))
    };
    Source::ALL.into_iter().filter_map(of).collect()
}

fn check_slug(slug: &str, found: &mut Vec<SettingProblem>) {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_right = slug.bytes().next().is_some_and(is_plain)
        && slug.len() <= 63
        && slug.bytes().all(|b| is_plain(b) || b == b'-' || b == b'_');
    if !is_right {
        found.push(SettingProblem::new(String::new(), "a brand's name has 1 to 63 lower-case letters, digits, - and _, and begins with a letter or digit".to_owned()));
    }
}

fn locale(name: &str, found: &mut Vec<SettingProblem>) -> Option<Locale> {
    let locale = name.parse().ok();
    if locale.is_none() {
        found.push(SettingProblem::new("locale", "must be \"en\" or \"nl\""));
    }
    locale
}

fn region(name: &str, found: &mut Vec<SettingProblem>) -> Option<Region> {
    let region = name.parse().ok();
    if region.is_none() && !name.is_empty() {
        let what = "is not a region; write two capital letters such as \"NL\", or \"\" for none";
        found.push(SettingProblem::new("default_region".to_owned(), what.to_owned()));
    }
    region
}

fn check_custom_fields(settings: &BrandSettings, found: &mut Vec<SettingProblem>) {
    let mut names = BTreeSet::new();
    let twice = |name: &str| format!("\"{name}\" is used twice; each name may be used once");
    for (n, field) in settings.custom_fields.iter().enumerate() {
        let what = if field.name.is_empty() {
            "must not be empty".to_owned()
        } else if !names.insert(&field.name) {
            twice(&field.name)
        } else {
            continue;
        };
        found.push(SettingProblem::new(format!("custom_fields.{n}.name"), what));
    }
    for (key, name) in [
        ("matched_by_field", &settings.matched_by_field),
        ("data_as_of_field", &settings.data_as_of_field),
    ] {
        if !name.is_empty() && !names.insert(name) {
            found.push(SettingProblem::new(key, twice(name)));
        }
    }
}

fn check_timeline_limit(limit: usize, found: &mut Vec<SettingProblem>) {
    if !(1..=1_000).contains(&limit) {
        found.push(SettingProblem::new(
            "timeline.limit".to_owned(),
            "must be between 1 and 1000".to_owned(),
        ));
    }
}

/// What agents see. Templates are not compiled yet.
fn presentation_rules(
    settings: &BrandSettings,
    time_zone: TimeZone,
    locale: Locale,
) -> PresentationRules {
    let fields = settings.custom_fields.iter();
    let urls = Source::ALL
        .into_iter()
        .map(|source| (source, settings.sources.event_url(source).to_owned()))
        .filter(|(_, url)| !url.is_empty());
    PresentationRules {
        time_zone,
        time_zone_name: settings.time_zone.clone(),
        locale,
        custom_fields: fields.map(|field| (field.name.clone(), field.value.clone())).collect(),
        matched_by_field: settings.matched_by_field.clone(),
        data_as_of_field: settings.data_as_of_field.clone(),
        messages: settings.timeline.messages.clone(),
        url_templates: urls.collect(),
        timeline_type: settings.timeline.kind.clone(),
        timeline_limit: settings.timeline.limit,
        hidden_events: settings.timeline.hide.clone(),
        agent_page: usage(&settings.agent_page),
        merging: format!(
            "{:?}|{:?}|{}",
            settings.precedence, settings.identity.precedence, settings.default_region
        ),
    }
}
