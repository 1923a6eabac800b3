//! The demo's recorded deliveries, in the order of their arrival.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::sources::api::{ApiRequest, Reply};
use crate::sources::{Delivery, ParsedWebhook, SourceSettings, Unreadable};

/// The recorded deliveries of each system, one JSON object per line.
const RECORDED: [(Source, &str); 4] = [
    (Source::OmnioTap, include_str!("../../fixtures/demo/omniotap.jsonl")),
    (Source::Omneo, include_str!("../../fixtures/demo/omneo.jsonl")),
    (Source::OmniLab, include_str!("../../fixtures/demo/omnilab.jsonl")),
    (Source::Syncaroo, include_str!("../../fixtures/demo/syncaroo.jsonl")),
];

/// Webhooks that become dead letters, as they happen. Omneo's header alone reports that an order is deleted, which anybody
/// could write; and Syncaroo's webhook is of a second connection, which the settings do not have yet.
const UNREADABLE: [(Source, &str); 2] = [
    (Source::Omneo, include_str!("../../fixtures/demo/dead_omneo.jsonl")),
    (Source::Syncaroo, include_str!("../../fixtures/demo/dead_syncaroo.jsonl")),
];

/// The number of purchases of the busiest customer.
pub const BUSY_PURCHASES: u32 = 10_000;

/// The busiest customer's profile.
const BUSY_PROFILE: &str = "0f0f0f0f-0000-4000-8000-000000009000";

/// A recorded delivery: a webhook, or a response of the system's API with its request.
#[derive(Clone, Deserialize)]
pub struct Recorded {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    ask: Option<ApiRequest>,
    received_at: Timestamp,
    /// The body.
    pub body: Value,
}

impl Recorded {
    /// Whether it is a response of the system's API, and not a webhook.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        self.ask.is_some()
    }

    /// The webhook's headers.
    #[must_use]
    pub const fn headers(&self) -> &BTreeMap<String, String> {
        &self.headers
    }

    /// The time of its arrival.
    #[must_use]
    pub const fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Parses a recorded delivery.
    ///
    /// # Errors
    /// If the text does not have the format of a recorded delivery.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Parses its content like that of any delivery.
    ///
    /// # Errors
    /// If the source cannot parse it.
    pub fn read(
        &self,
        source: Source,
        settings: &SourceSettings,
    ) -> Result<ParsedWebhook, Unreadable> {
        let received_at = self.received_at;
        if let Some(ask) = &self.ask {
            let reply = Reply { body: self.body.clone(), is_missing: false, received_at };
            let parsed = settings.api(source).read(ask, &reply)?;
            return Ok(ParsedWebhook::Changes(parsed.changes));
        }
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        let delivery = Delivery { headers: self.headers.clone(), body, received_at };
        settings.parser(source).parse_webhook(&delivery)
    }
}

/// Every recorded delivery, with its source.
///
/// # Errors
/// Never, unless the recordings are broken.
pub fn recorded() -> serde_json::Result<Vec<(Source, Recorded)>> {
    parsed(&RECORDED)
}

/// The webhooks that become dead letters, each with its source.
///
/// # Errors
/// Never, unless the recordings are broken.
pub fn dead_letters() -> serde_json::Result<Vec<(Source, Recorded)>> {
    parsed(&UNREADABLE)
}

fn parsed(files: &[(Source, &str)]) -> serde_json::Result<Vec<(Source, Recorded)>> {
    let lines =
        files.iter().flat_map(|(source, text)| text.lines().map(move |line| (*source, line)));
    let read: serde_json::Result<Vec<(Source, Recorded)>> =
        lines.map(|(source, line)| Ok((source, Recorded::parse(line)?))).collect();
    let mut all = read?;
    all.sort_by_key(|(_, recorded)| recorded.received_at);
    Ok(all)
}

/// The purchases of the busiest customer, one per hour. They are generated, because recordings of so many would add
/// nothing.
#[must_use]
pub fn busy_purchases(count: u32) -> Vec<(Source, Recorded)> {
    let start = Timestamp::from_second(1_740_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
    let purchase = |n: u32| {
        let at = start.checked_add(Span::new().hours(i64::from(n))).unwrap_or(start);
        let body = serde_json::json!({
            "id": 9_000_000_u32.saturating_add(n),
            "profile_id": BUSY_PROFILE,
            "total": f64::from(n % 400) / 10.0 + 2.5,
            "currency": "EUR",
            "order_number": format!("NL-{}-{}", at.strftime("%Y"), 10_000_u32.saturating_add(n)),
            "transacted_at": at.to_string(),
            "updated_at": at.to_string(),
        });
        let headers = [("x-omneo-event".to_owned(), "transaction.created".to_owned())].into();
        (Source::Omneo, Recorded { headers, ask: None, received_at: at, body })
    };
    (0..count).map(purchase).collect()
}

/// The changes in the deliveries, in order.
///
/// # Errors
/// If a source cannot parse a delivery.
pub fn changes(
    deliveries: &[(Source, Recorded)],
    settings: &SourceSettings,
) -> Result<Vec<Change>, Unreadable> {
    let mut all = Vec::new();
    for (source, recorded) in deliveries {
        if let ParsedWebhook::Changes(changes) = recorded.read(*source, settings)? {
            all.extend(changes);
        }
    }
    Ok(all)
}
