//! A delivery as lists show it, and what a form sends about those that a person saw.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::deliveries::{HistoryEntry, ListedRow};
use crate::storage::inbox_pages::{DeliveryState, PageRow};
use crate::storage::seen_deliveries::SeenDelivery;

/// A delivery in a list.
#[derive(Serialize)]
pub(super) struct ShownDelivery {
    id: String,
    path: String,
    /// For the form: the delivery as it was seen.
    seen: String,
    /// Whether it was selected in a form that was not accepted.
    is_selected: bool,
    source: String,
    event: String,
    state: &'static str,
    tone: &'static str,
    attempts: i32,
    received: ShownTime,
    next: Option<ShownTime>,
    reason: String,
}

impl ShownDelivery {
    pub(super) fn new(visit: &Visit, row: &PageRow) -> Self {
        let listed = &row.listed;
        let (state, tone) = state_words(listed);
        let waits = listed.state == "pending";
        let seen = packed(&[row.seen()]);
        Self {
            id: listed.delivery_id.to_string(),
            path: visit.path(&format!("/inbox/{}", listed.delivery_id)),
            is_selected: visit.form.values("delivery").contains(&seen.as_str()),
            seen,
            source: listed.source.clone(),
            event: listed.event.clone(),
            state,
            tone,
            attempts: listed.attempts,
            received: visit.time(listed.received_at),
            next: waits.then(|| visit.time(listed.due_at)),
            reason: listed.note.clone(),
        }
    }
}

/// The state of a delivery in words, and its tone.
pub(super) fn state_words(row: &ListedRow) -> (&'static str, &'static str) {
    let state = row.state.parse().unwrap_or(DeliveryState::Discarded);
    match state {
        DeliveryState::Pending if row.note == "replayed" => ("waiting, replayed", "neutral"),
        DeliveryState::Pending if row.attempts > 0 => ("waiting for the next try", "warn"),
        DeliveryState::Done if row.note.starts_with("ignored") => ("nothing to apply", "neutral"),
        DeliveryState::Done => ("applied", "good"),
        DeliveryState::Dead => (state.in_words(), "bad"),
        DeliveryState::Pending | DeliveryState::Discarded => (state.in_words(), "neutral"),
    }
}

/// An attempt at a delivery, or an act on it.
#[derive(Serialize)]
pub(super) struct ShownEntry {
    at: ShownTime,
    outcome: &'static str,
    tone: &'static str,
    reason: String,
}

/// What happened to a delivery, the oldest first. A failure after a replay says so.
pub(super) fn shown_history(visit: &Visit, history: &[HistoryEntry]) -> Vec<ShownEntry> {
    let mut is_replayed = false;
    let entry = |entry: &HistoryEntry| {
        is_replayed |= entry.outcome == "replayed";
        let (outcome, tone) = match entry.outcome.as_str() {
            "replayed" => ("replayed by a person", "neutral"),
            "discarded" => ("discarded by a person", "neutral"),
            "done" => ("applied", "good"),
            "retried" => ("failed, will be tried again", "warn"),
            _ if is_replayed => ("failed again after a replay", "bad"),
            _ => ("failed", "bad"),
        };
        ShownEntry { at: visit.time(entry.at), outcome, tone, reason: entry.reason.clone() }
    };
    history.iter().map(entry).collect()
}

/// The bytes of a delivery: its id, and the version of its row.
const PACKED: usize = 20;

/// Deliveries as one field of a form.
pub(super) fn packed(seen: &[SeenDelivery]) -> String {
    let bytes: Vec<u8> = seen
        .iter()
        .flat_map(|seen| {
            seen.delivery_id.into_bytes().into_iter().chain(seen.version.to_be_bytes())
        })
        .collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The deliveries in a field of a form. `None` if no page of ours made it.
pub(super) fn unpacked(field: &str) -> Option<Vec<SeenDelivery>> {
    let bytes = URL_SAFE_NO_PAD.decode(field).ok()?;
    let chunks = bytes.chunks(PACKED).map(|chunk| {
        let (id, version) = chunk.split_at_checked(16)?;
        let delivery_id = Uuid::from_slice(id).ok()?;
        Some(SeenDelivery { delivery_id, version: u32::from_be_bytes(version.try_into().ok()?) })
    });
    chunks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_survive_the_form() {
        let seen: Vec<SeenDelivery> = (0..3)
            .map(|n| SeenDelivery { delivery_id: Uuid::from_u128(n), version: u32::MAX - 1 })
            .collect();
        assert_eq!(unpacked(&packed(&seen)), Some(seen));
        assert_eq!(unpacked(""), Some(Vec::new()));
        for other in ["AAAA", "not base64!"] {
            assert_eq!(unpacked(other), None, "{other}");
        }
    }
}
