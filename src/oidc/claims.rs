//! Who a person is, and what they may do, by what the token says.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::problem::OidcProblem;
use crate::admin::role::Role;
use crate::settings::OidcSettings;

/// A person whom the login provider knows. It is personal data, so it does not implement `Debug`.
pub struct Identity {
    /// The id of the person at the provider.
    pub subject: String,
    /// The name. Empty if the token has none.
    pub name: String,
    groups: BTreeSet<String>,
}

impl Identity {
    /// Reads a token whose signature and claims were verified.
    pub(super) fn of_token(
        token: &str,
        subject: &str,
        settings: &OidcSettings,
    ) -> Result<Self, OidcProblem> {
        let payload = token.split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| OidcProblem::Unusable)?;
        let claims: Value = serde_json::from_slice(&payload).map_err(|_| OidcProblem::Unusable)?;
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let name = text(&settings.name_claim).or_else(|| text("preferred_username"));
        Ok(Self {
            subject: subject.to_owned(),
            name: name.unwrap_or_default().to_owned(),
            groups: claims.get(&settings.groups_claim).map(texts).unwrap_or_default(),
        })
    }

    /// The highest role of the person in each brand.
    #[must_use]
    pub fn roles(&self, settings: &OidcSettings) -> BTreeMap<String, Role> {
        let mut roles = BTreeMap::new();
        for given in settings.roles.iter().filter(|given| self.groups.contains(&given.group)) {
            let role = roles.entry(given.brand.clone()).or_insert(given.role);
            *role = given.role.max(*role);
        }
        roles
    }
}

/// The texts in a list, or the only text.
fn texts(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::file::OidcRoleSettings;

    fn settings() -> OidcSettings {
        let role = |group: &str, brand: &str, role| OidcRoleSettings {
            group: group.to_owned(),
            brand: brand.to_owned(),
            role,
        };
        OidcSettings {
            roles: vec![
                role("desk", "demo", Role::Supervisor),
                role("staff", "demo", Role::Viewer),
                role("owners", "shop", Role::Admin),
                role("staff", "shop", Role::Viewer),
            ],
            ..OidcSettings::default()
        }
    }

    fn identity(claims: &Value) -> Identity {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Identity::of_token(&token, "u-1", &settings()).ok().unwrap()
    }

    #[test]
    fn the_highest_role_of_all_groups_counts_in_each_brand() {
        let roles = |groups: Value| {
            let roles = identity(&json!({ "groups": groups })).roles(&settings());
            roles.into_iter().map(|(brand, role)| format!("{brand} {role}")).collect::<Vec<_>>()
        };
        assert_eq!(roles(json!(["staff", "desk"])), ["demo supervisor", "shop viewer"]);
        assert_eq!(roles(json!(["desk", "staff", "owners"])), ["demo supervisor", "shop admin"]);
        assert_eq!(roles(json!("owners")), ["shop admin"]);
        for none in [json!([]), json!(["Desk", "desk ", 1, null, ["desk"]]), json!({ "desk": 1 })] {
            assert!(roles(none.clone()).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_person_has_the_name_of_the_token_if_it_has_one() {
        assert_eq!(identity(&json!({ "name": "Femke" })).name, "Femke");
        assert_eq!(identity(&json!({ "name": 1, "preferred_username": "f" })).name, "f");
        assert_eq!(identity(&json!({})).name, "");
    }
}
