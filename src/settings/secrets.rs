//! Makes a brand's webhook verifiers and API accounts, with the secrets that its settings name.

use std::collections::BTreeMap;
use std::io::Read;

use super::environment::environment;
use crate::customer::model::source::Source;
use crate::sources::api::AccountRules;
use crate::sources::secret::{Fetch, SecretLoader, SecretRef};
use crate::sources::webhook::WebhookVerifier;
use crate::sources::{SettingProblem, SourceSettings};

/// The most bytes of a secret. The limit exists because a wrong path could name a huge file.
const MAX_SECRET_BYTES: u64 = 4_096;

/// Problems with the secrets that the settings name.
#[derive(Default)]
pub(super) struct Secrets {
    /// Secrets that could not be read.
    pub(super) missing: Vec<SettingProblem>,
    /// Secrets that look wrong, and rate limits above those of the vendor.
    pub(super) warnings: Vec<SettingProblem>,
}

/// Makes the webhook verifiers of a brand. A mistake names its key, never its value. A verifier whose secrets are
/// missing rejects every webhook.
pub(super) fn verifiers(
    sources: &SourceSettings,
    fetch: Fetch<'_>,
    found: &mut Vec<SettingProblem>,
    secrets: &mut Secrets,
) -> BTreeMap<Source, WebhookVerifier> {
    let mut verifiers = BTreeMap::new();
    for source in Source::ALL {
        let mut loader = SecretLoader::new(fetch);
        let verification = sources.verification(source, &mut loader);
        verifiers.extend(
            verification.map(|verification| (source, WebhookVerifier { source, verification })),
        );
        collect(loader, &format!("sources.{}.webhook", source.as_str()), found, secrets);
    }
    verifiers
}

/// Makes the API accounts of a brand. An account whose secret is missing is left out, so its API is not called.
pub(super) fn accounts(
    sources: &SourceSettings,
    fetch: Fetch<'_>,
    found: &mut Vec<SettingProblem>,
    secrets: &mut Secrets,
) -> BTreeMap<Source, AccountRules> {
    let mut accounts = BTreeMap::new();
    for source in Source::ALL {
        let mut loader = SecretLoader::new(fetch);
        accounts.extend(sources.account(source, &mut loader).map(|account| (source, account)));
        collect(loader, &format!("sources.{}.api", source.as_str()), found, secrets);
    }
    accounts
}

/// Collects what a loader found, with the whole key of each.
fn collect(
    loader: SecretLoader<'_>,
    table: &str,
    found: &mut Vec<SettingProblem>,
    secrets: &mut Secrets,
) {
    let in_full = |problem: SettingProblem| problem.below(table);
    secrets.warnings.extend(loader.warnings().iter().cloned().map(in_full));
    let [wrong, missing] = loader.into_mistakes();
    found.extend(wrong.into_iter().map(in_full));
    secrets.missing.extend(missing.into_iter().map(in_full));
}

/// Reads no secret, and says where it is.
pub(super) fn leave_unread(place: &SecretRef) -> Result<Vec<u8>, String> {
    Err(match (place, place.variable()) {
        (SecretRef::File(_), _) => "a secret in a file".to_owned(),
        (SecretRef::Env(_), Some(name)) => format!("the environment variable {name}"),
        (SecretRef::Env(_), None) => "an environment variable".to_owned(),
    })
}

/// Reads a secret from its place, without line breaks at its end: editors and shells add these.
pub(super) fn fetch(place: &SecretRef) -> Result<Vec<u8>, String> {
    match place {
        SecretRef::Env(name) => {
            let kept = environment(name).ok_or_else(|| {
                place.variable().map_or_else(
                    || "names an environment variable that is not set or is empty".to_owned(),
                    |name| {
                        format!(
                            "names the environment variable {name}, which is not set or is empty"
                        )
                    },
                )
            })?;
            Ok(without_line_break(kept.into_bytes()))
        }
        SecretRef::File(path) => {
            let mut kept = Vec::new();
            let file = std::fs::File::open(path).and_then(|file| {
                file.take(MAX_SECRET_BYTES.saturating_add(1)).read_to_end(&mut kept)
            });
            file.map_err(|error| format!("names a file that cannot be read: {error}"))?;
            if u64::try_from(kept.len()).unwrap_or(u64::MAX) > MAX_SECRET_BYTES {
                return Err(format!(
                    "names a file of more than {MAX_SECRET_BYTES} bytes, which is too long for a secret"
                ));
            }
            Ok(without_line_break(kept))
        }
    }
}

fn without_line_break(mut kept: Vec<u8>) -> Vec<u8> {
    let end =
        kept.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at.saturating_add(1));
    kept.truncate(end);
    kept
}
