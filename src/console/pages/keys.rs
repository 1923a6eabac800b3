//! The keys with which Omnidesk asks.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::admin::keys::{KeyError, KeyTerms, create_key, key_id_of_form, revoke_key};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::api_keys::{KeyState, list_keys_of};

/// For so many days, a revoked key is shown.
const SHOWN_DAYS: i64 = 90;

#[derive(Serialize)]
struct KeysPage {
    keys: Vec<Key>,
    /// How many keys are left out, because they were revoked long ago.
    left_out: usize,
    /// After so many days.
    most_days: i64,
    made: Option<Made>,
    /// Tells this form from others: sent twice, it makes one key.
    form: String,
    /// How the URLs of keys begin.
    base: String,
    /// Whether only this machine can reach them.
    is_local: bool,
}

/// What a form made.
#[derive(Serialize)]
struct Made {
    /// The URL with the new key, to paste into Omnidesk. `None` if the form was sent before, and made the key then.
    url: Option<String>,
    /// The end of the id of the key.
    short_id: String,
}

#[derive(Serialize)]
struct Key {
    id: String,
    /// The end of the id, to tell keys apart.
    short_id: String,
    label: String,
    state: &'static str,
    is_valid: bool,
    created: ShownTime,
    used: Option<ShownTime>,
    /// When a call with it was last rejected.
    rejected: Option<ShownTime>,
    expires: Option<ShownTime>,
}

/// The keys of the brand. The keys themselves are not stored.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, None).await
}

async fn page(visit: &Visit, made: Option<Made>) -> Result<Reply, Refusal> {
    let now = visit.now();
    let mut keys = list_keys_of(visit.pool(), visit.brand.id()).await?;
    let stored = keys.len();
    let oldest = now
        .saturating_sub(SignedDuration::from_hours(SHOWN_DAYS.saturating_mul(24)))
        .unwrap_or(now);
    let are_all_shown = visit.query.value("show") == "all";
    let is_recent = |at: Option<Timestamp>| at.is_some_and(|at| at >= oldest);
    keys.retain(|key| {
        let is_live = !key.is_revoked();
        are_all_shown || is_live || is_recent(key.revoked_at) || is_recent(key.last_rejected_at)
    });
    let left_out = stored.saturating_sub(keys.len());
    keys.sort_by_key(|key| (key.state(now) != KeyState::Valid, std::cmp::Reverse(key.created_at)));
    let shown = keys.into_iter().map(|key| Key {
        id: key.key_id.to_string(),
        short_id: short_id(key.key_id),
        state: key.state(now).as_str(),
        is_valid: key.state(now) == KeyState::Valid,
        created: visit.time(key.created_at),
        used: key.last_used_at.map(|at| visit.time(at)),
        rejected: key.last_rejected_at.map(|at| visit.time(at)),
        expires: key.expires_at.map(|at| visit.time(at)),
        label: key.label,
    });
    let form = Uuid::new_v4().to_string();
    let keys = shown.collect();
    let file = &visit.console.file;
    let (base, is_local) = (file.base_url(), file.is_for_this_machine_only());
    let page = KeysPage { keys, left_out, most_days: SHOWN_DAYS, made, form, base, is_local };
    visit.page("keys.html", ("/keys", "Keys"), &page)
}

/// The end of an id: ids that were made at almost the same time have the same beginning.
pub(super) fn short_id(id: Uuid) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

/// Makes a key, and shows its URL once.
pub(super) async fn create(visit: &Visit) -> Result<Reply, Refusal> {
    let form = visit.form.value("form").parse().map_err(|_| {
        Refusal::Mistake("The form is incomplete. Open the page Keys, and try again.".to_owned())
    })?;
    let key_id = key_id_of_form(&visit.brand, form);
    let terms = KeyTerms { key_id, label: visit.form.value("label"), expires_at: expiry(visit)? };
    let created =
        create_key(visit.pool(), &visit.brand, terms, visit.attribution(), visit.now()).await;
    let url = match created {
        Ok(created) => Some(visit.console.file.lookup_url(created.key.reveal())),
        Err(KeyError::AlreadyCreated) => None,
        Err(error) => return Err(refusal(error)),
    };
    page(visit, Some(Made { url, short_id: short_id(key_id) })).await
}

/// When the key expires. The field is empty for never, or has a number of days.
fn expiry(visit: &Visit) -> Result<Option<Timestamp>, Refusal> {
    let days = visit.form.value("days");
    if days.is_empty() {
        return Ok(None);
    }
    let days: u16 = days.parse().ok().filter(|days| *days > 0).ok_or_else(|| {
        Refusal::Mistake(
            "The number of days must be from 1 to 65535, or empty for never.".to_owned(),
        )
    })?;
    let hours = i64::from(days).saturating_mul(24);
    Ok(visit.now().checked_add(SignedDuration::from_hours(hours)).ok())
}

/// Revokes a key of this brand.
pub(super) async fn revoke(visit: &Visit) -> Result<Reply, Refusal> {
    let key_id = visit.uuid()?;
    let keys = list_keys_of(visit.pool(), visit.brand.id()).await?;
    if !keys.iter().any(|key| key.key_id == key_id) {
        return Err(Refusal::NotFound);
    }
    let revoked = revoke_key(visit.pool(), key_id, visit.attribution(), visit.now()).await;
    let revoked = revoked.map_err(refusal)?;
    Ok(visit.redirect(&visit.path("/keys"), if revoked { "revoked" } else { "nothing" }))
}

fn refusal(error: KeyError) -> Refusal {
    match error {
        KeyError::Unknown => Refusal::NotFound,
        KeyError::Storage(error) => error.into(),
        KeyError::AlreadyCreated | KeyError::Label | KeyError::Random => {
            Refusal::Mistake(format!("The {error}."))
        }
    }
}
