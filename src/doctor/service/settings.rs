//! Checks of the settings.

use super::check::ServiceCheck;
use crate::brand::BrandRules;
use crate::counted::counted;
use crate::doctor::finding::{Finding, Observation};
use crate::settings::{Mistake, Settings};

/// Mistakes, for which there are no settings.
#[must_use]
pub fn check_mistakes(mistakes: &[Mistake]) -> Vec<Finding> {
    let each = mistakes.iter().map(|mistake| Observation::fail(mistake.to_string()));
    each.map(|observation| ServiceCheck::Settings.found(observation)).collect()
}

/// Checks valid settings.
#[must_use]
pub fn check_settings(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![ServiceCheck::Settings.found(Observation::pass("valid"))];
    findings.extend(secrets(settings));
    findings.push(ServiceCheck::Brands.found(match settings.brands.len() {
        0 => Observation::warn("no brand: every key is rejected"),
        brands => Observation::pass(counted(brands, "brand", "brands")),
    }));
    let is_open = |brand: &BrandRules| {
        settings.file.server.allowed_networks.is_empty() && brand.allowed_networks.is_empty()
    };
    findings.extend(settings.brands.iter().map(|brand| {
        ServiceCheck::Networks.found_of(
            brand.slug.clone(),
            if is_open(brand) {
                Observation::warn("any network may use the keys")
            } else {
                Observation::pass("restricted")
            },
        )
    }));
    findings.push(ServiceCheck::PublicUrl.found(public_url(&settings.file.server.public_url)));
    findings.push(ServiceCheck::Proxies.found(proxies(settings)));
    findings.extend(settings.brands.iter().flat_map(webhook_verification));
    findings
}

fn secrets(settings: &Settings) -> Vec<Finding> {
    let missing = settings.missing.iter().map(|mistake| Observation::fail(mistake.to_string()));
    let odd = settings.warnings.iter().map(|mistake| Observation::warn(mistake.to_string()));
    let mut observations: Vec<Observation> = missing.chain(odd).collect();
    if observations.is_empty() {
        observations.push(Observation::pass("all"));
    }
    observations.into_iter().map(|found| ServiceCheck::Secrets.found(found)).collect()
}

fn public_url(url: &str) -> Observation {
    if url.is_empty() {
        Observation::warn("not set")
    } else if url.starts_with("https://") {
        Observation::pass("https")
    } else {
        Observation::warn("without https")
    }
}

/// The service speaks HTTP only. So a public URL with https leads to a proxy.
fn proxies(settings: &Settings) -> Observation {
    let server = &settings.file.server;
    match server.trusted_proxies.len() {
        0 if server.public_url.starts_with("https://") => {
            Observation::warn("no trusted proxy, but the public URL has https")
        }
        0 => Observation::skipped("no proxy is set"),
        networks => Observation::pass(format!("networks: {networks}")),
    }
}

fn webhook_verification(brand: &BrandRules) -> Vec<Finding> {
    let each = brand.webhook_verifiers.values().map(|verifier| {
        let subject = format!("{}/{}", brand.slug, verifier.source);
        ServiceCheck::WebhookVerification.found_of(
            subject,
            if verifier.verification.is_verified() {
                Observation::pass(verifier.verification.name())
            } else {
                Observation::warn("anyone who knows the URL can send data")
            },
        )
    });
    let mut findings: Vec<Finding> = each.collect();
    if findings.is_empty() {
        let none = Observation::skipped("no source sends webhooks");
        findings.push(ServiceCheck::WebhookVerification.found_of(brand.slug.clone(), none));
    }
    findings
}
