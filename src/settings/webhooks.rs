//! The doors of a brand's sources and its accounts there, with the secrets that its settings name.

use std::collections::BTreeMap;
use std::io::Read;

use super::brands::Found;
use super::environment;
use crate::customer::model::source::Source;
use crate::sources::SourceSettings;
use crate::sources::api::AccountRules;
use crate::sources::secret::{Fetch, SecretLoader, SecretRef};
use crate::sources::webhook::Door;

/// More than any secret has: a wrong path must not fill the memory.
const MAX_SECRET_BYTES: u64 = 4_096;

/// The doors that the settings describe; every mistake is told by its key, and never by what it holds. A door whose secrets
/// are missing lets nobody in.
pub(super) fn open(sources: &SourceSettings, fetch: Fetch<'_>, found: &mut Found, secrets: &mut Secrets) -> BTreeMap<Source, Door> {
    let mut doors = BTreeMap::new();
    for source in Source::ALL {
        let mut keys = SecretLoader::new(fetch);
        if let Some(proof) = sources.proof(source, &mut keys) {
            doors.insert(source, Door { source, proof });
        }
        let in_full = |(key, what): (String, String)| (format!("sources.{}.webhook.{key}", source.as_str()), what);
        secrets.warnings.extend(keys.warnings().iter().cloned().map(in_full));
        let [wrong, not_there] = keys.into_mistakes();
        found.extend(wrong.into_iter().map(in_full));
        secrets.missing.extend(not_there.into_iter().map(in_full));
    }
    doors
}

/// The accounts that the settings describe. One whose secret is missing isn't called.
pub(super) fn connect(sources: &SourceSettings, fetch: Fetch<'_>, found: &mut Found, secrets: &mut Secrets) -> BTreeMap<Source, AccountRules> {
    let mut accounts = BTreeMap::new();
    for source in Source::ALL {
        let mut keys = SecretLoader::new(fetch);
        accounts.extend(sources.account(source, &mut keys).map(|account| (source, account)));
        let in_full = |(key, what): (String, String)| (format!("sources.{}.api.{key}", source.as_str()), what);
        secrets.warnings.extend(keys.warnings().iter().cloned().map(in_full));
        let [wrong, not_there] = keys.into_mistakes();
        found.extend(wrong.into_iter().map(in_full));
        secrets.missing.extend(not_there.into_iter().map(in_full));
    }
    accounts
}

/// What there is to say of the secrets that the settings name.
#[derive(Default)]
pub(super) struct Secrets {
    /// They are not where they should be.
    pub(super) missing: Found,
    /// They may not be what was meant.
    pub(super) warnings: Found,
}

/// A file's last line ends with a line break that isn't meant, and so does what a shell puts into the environment.
pub(super) fn fetch(place: &SecretRef) -> Result<Vec<u8>, String> {
    match place {
        SecretRef::Env(name) => {
            let kept = environment(name).ok_or_else(|| "names an environment variable that is not set".to_owned())?;
            Ok(without_line_break(kept.into_bytes()))
        }
        SecretRef::File(path) => {
            let mut kept = Vec::new();
            let file = std::fs::File::open(path).and_then(|file| file.take(MAX_SECRET_BYTES.saturating_add(1)).read_to_end(&mut kept));
            file.map_err(|error| format!("names a file that can't be read: {error}"))?;
            if u64::try_from(kept.len()).unwrap_or(u64::MAX) > MAX_SECRET_BYTES {
                return Err(format!("names a file of more than {MAX_SECRET_BYTES} bytes: that is no secret"));
            }
            Ok(without_line_break(kept))
        }
    }
}

fn without_line_break(mut kept: Vec<u8>) -> Vec<u8> {
    let end = kept.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at.saturating_add(1));
    kept.truncate(end);
    kept
}
