//! Webhooks in the format of the four systems, and their sender.

pub mod bodies;
pub mod sender;
pub mod sequence;
pub mod signing;

use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings};

/// A webhook before it is signed.
#[derive(Clone)]
pub struct Webhook {
    pub source: Source,
    /// Data in its headers: Omneo's event name, or OmniLab's delivery id. The other sources have both in the body.
    pub header: Option<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Webhook {
    /// The changes in it, as its source's parser returns them.
    pub fn changes(&self, settings: &SourceSettings) -> Vec<Change> {
        let headers =
            self.header.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // Bodies without a timestamp are about no person. All others are received after their timestamp; how much later
        // does not matter.
        let received_at = "2026-11-01T00:00:00Z".parse().unwrap();
        let delivery = Delivery { headers, body: self.body.clone(), received_at };
        match settings.parser(self.source).parse_webhook(&delivery).unwrap() {
            ParsedWebhook::Changes(changes) => changes,
            ParsedWebhook::Ignored(_) => Vec::new(),
        }
    }
}
