//! A claimed delivery, and the parsed one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use crate::brand::Brand;
use crate::customer::model::phone::Region;
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::customer::model::unread::unread_fields;
use crate::sources::{Delivery, ParsedWebhook, Unreadable};
use crate::storage::delivery_claims::{ClaimedRow, Disposition};

/// The claim of a worker, and when it was made, by the clock of Postgres.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub token: Uuid,
    pub claimed_at: Timestamp,
}

/// A delivery that a worker has claimed.
pub(crate) struct ClaimedDelivery {
    pub id: Uuid,
    pub source: Source,
    pub attempts: u32,
    pub delivery: Delivery,
}

impl From<ClaimedRow> for ClaimedDelivery {
    fn from(row: ClaimedRow) -> Self {
        let delivery =
            Delivery { headers: row.headers, body: row.body, received_at: row.received_at };
        Self { id: row.delivery_id, source: row.source, attempts: row.attempts, delivery }
    }
}

/// The note of a delivery begins with this word if the delivery has no data about a customer.
pub(crate) const IGNORED: &str = "ignored";

/// A delivery after parsing.
pub(crate) struct ParsedDelivery<'a> {
    pub item: &'a ClaimedDelivery,
    reading: Result<ParsedWebhook, Unreadable>,
}

impl<'a> ParsedDelivery<'a> {
    /// Parses a delivery with the parser of its source.
    pub(crate) fn parse(item: &'a ClaimedDelivery, brand: &Brand) -> Self {
        let parser = brand.rules.sources.parser(item.source);
        Self { item, reading: parser.parse_webhook(&item.delivery) }
    }

    /// The changes in the delivery. `None` if it could not be parsed or has none.
    pub(crate) fn changes(&self) -> Option<&[Change]> {
        self.reading.as_ref().ok()?.changes()
    }

    /// The fields whose values could not be parsed.
    pub(crate) fn unread(&self, region: Option<Region>) -> BTreeSet<String> {
        self.changes()
            .unwrap_or_default()
            .iter()
            .filter_map(Change::update)
            .flat_map(|update| unread_fields(update, region))
            .collect()
    }

    /// The final state of the delivery, after its changes are applied.
    pub(crate) fn disposition(&self, unread: &BTreeSet<String>) -> Disposition {
        match &self.reading {
            Ok(ParsedWebhook::Changes(_)) if !unread.is_empty() => Disposition::Done(format!(
                "applied, but these values could not be parsed: {}",
                unread.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )),
            Ok(ParsedWebhook::Changes(_)) => Disposition::Done(String::new()),
            Ok(ParsedWebhook::Ignored(why)) => Disposition::Done(format!("{IGNORED}: {why}")),
            // A new attempt would fail in the same way.
            Err(unreadable) => Disposition::DeadLetter(unreadable.to_string()),
        }
    }
}
