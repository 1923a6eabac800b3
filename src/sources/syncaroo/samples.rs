//! Sample webhooks of Syncaroo. They are about a place and a booking that do not exist.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::settings::{SyncarooApiSettings, SyncarooSettings};
use crate::sources::sample::{SampleWebhook, SampleWebhooks};

/// The recorded webhooks.
const RECORDED: [(&str, &str); 6] = [
    ("availability", include_str!("../../../fixtures/webhooks/syncaroo/availability.json")),
    ("booking", include_str!("../../../fixtures/webhooks/syncaroo/booking.json")),
    ("location", include_str!("../../../fixtures/webhooks/syncaroo/location.json")),
    ("resource.new", include_str!("../../../fixtures/webhooks/syncaroo/resource.new.json")),
    (
        "resource.unmapped",
        include_str!("../../../fixtures/webhooks/syncaroo/resource.unmapped.json"),
    ),
    ("resource.updated", include_str!("../../../fixtures/webhooks/syncaroo/resource.updated.json")),
];

/// The ids in the recorded webhooks, and the ids in the samples. Such an id begins with its time of creation; these are of
/// 1970.
const IDS: [(&str, &str); 6] = [
    ("61116b1ad9fa63170734b694", "00000001c0ffee0000000001"),
    ("61116c0bab789b6cc1feec23", "00000001c0ffee0000000002"),
    ("6140afff1da7a718a6076cea", "00000001c0ffee0000000003"),
    ("61c18cf515e22a061cf589b1", "00000001c0ffee0000000004"),
    ("\"11980\"", "\"hookpoint-sample\""),
    ("\"78430\"", "\"hookpoint-sample\""),
];

/// The slot of the recorded booking, as its id has it.
const SLOT: &str = "*1640124000000*1640125800000";

/// When the sample booking begins, and how long it takes.
const IN_A_DAY: SignedDuration = SignedDuration::from_hours(24);
const HALF_AN_HOUR: SignedDuration = SignedDuration::from_mins(30);

impl SampleWebhooks for SyncarooSettings {
    fn recorded_webhooks(&self) -> &'static [(&'static str, &'static str)] {
        &RECORDED
    }

    fn adapt(&self, mut webhook: SampleWebhook, now: Timestamp) -> SampleWebhook {
        let start = now.saturating_add(IN_A_DAY).unwrap_or(now);
        let end = start.saturating_add(HALF_AN_HOUR).unwrap_or(start);
        let slot = format!("*{}*{}", start.as_millisecond(), end.as_millisecond());
        let of_recording = SyncarooApiSettings::default().base_url;
        let text = webhook.body.to_string().replace(SLOT, &slot);
        let text = text.replace(&of_recording, self.api.base_url.trim_end_matches('/'));
        let text = IDS.iter().fold(text, |text, (recorded, sample)| text.replace(recorded, sample));
        webhook.body = serde_json::from_str(&text).unwrap_or_default();
        if let Some(body) = webhook.body.as_object_mut().filter(|_| self.connection_id != 0) {
            body.insert("connectionId".to_owned(), Value::from(self.connection_id));
        }
        webhook
    }
}
