//! The settings of the login provider, and their checks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::brand_file::BrandSettings;
use super::secrets;
use crate::admin::role::Role;
use crate::sources::SettingProblem;
use crate::sources::safe_url::is_safe_url;
use crate::sources::secret::{Fetch, Secret, SecretRef};

/// The login provider of the company, with OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct OidcSettings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Vec<SecretRef>,
    pub scopes: Vec<String>,
    pub groups_claim: String,
    pub name_claim: String,
    pub button: String,
    pub roles: Vec<OidcRoleSettings>,
}

/// What the members of a group may do in a brand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct OidcRoleSettings {
    pub group: String,
    pub brand: String,
    pub role: Role,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: Vec::new(),
            scopes: vec!["profile".to_owned()],
            groups_claim: "groups".to_owned(),
            name_claim: "name".to_owned(),
            button: "Log in with your company account".to_owned(),
            roles: Vec::new(),
        }
    }
}

/// The mistakes, except a secret that cannot be read.
pub(super) fn check_oidc(
    settings: &OidcSettings,
    brands: &BTreeMap<String, BrandSettings>,
) -> Vec<SettingProblem> {
    let mut found = Vec::new();
    let mut mistake = |key: &str, what: &str| {
        found.push(SettingProblem::new(format!("console.oidc.{key}"), what));
    };
    if settings.client_secret.len() > 1 {
        mistake("client_secret", "names several secrets, but only one can be used");
    }
    for (n, role) in settings.roles.iter().enumerate() {
        if role.group.is_empty() {
            mistake(&format!("roles.{n}.group"), "must not be empty");
        }
        if !brands.contains_key(&role.brand) {
            mistake(&format!("roles.{n}.brand"), "must be a brand of these settings");
        }
    }
    if settings.issuer.is_empty() {
        return found;
    }
    if !is_safe_url(&settings.issuer) {
        mistake(
            "issuer",
            "must be the URL of the login provider, such as \"https://login.brand.nl\", without a user, a query or a fragment; plain http is allowed for this machine only",
        );
    }
    for (key, is_empty) in [
        ("client_id", settings.client_id.is_empty()),
        ("groups_claim", settings.groups_claim.is_empty()),
        ("name_claim", settings.name_claim.is_empty()),
        ("button", settings.button.is_empty()),
    ] {
        if is_empty {
            mistake(key, "must not be empty if console.oidc.issuer is set");
        }
    }
    if settings.roles.is_empty() {
        mistake(
            "roles",
            "is needed if console.oidc.issuer is set: without it, nobody can log in; write a list such as [{ group = \"support\", brand = \"example\", role = \"supervisor\" }]",
        );
    }
    found
}

/// The client secret. `None` if the settings name none: a public client.
///
/// # Errors
/// If it cannot be read.
pub fn oidc_secret(settings: &OidcSettings) -> Result<Option<Secret>, SettingProblem> {
    read_secret(settings, &secrets::fetch)
}

/// Like [`oidc_secret`], with the given function. While the login provider is off, there is none.
pub(super) fn read_secret(
    settings: &OidcSettings,
    fetch: Fetch<'_>,
) -> Result<Option<Secret>, SettingProblem> {
    let problem = |what: String| SettingProblem::new("console.oidc.client_secret", what);
    let place = settings.client_secret.first().filter(|_| !settings.issuer.is_empty());
    let Some(place) = place else { return Ok(None) };
    let kept = fetch(place).map_err(problem)?;
    if kept.is_empty() || std::str::from_utf8(&kept).is_err() {
        return Err(problem("contains no secret: it is empty, or it is not UTF-8".to_owned()));
    }
    Ok(Some(Secret::new(kept)))
}
