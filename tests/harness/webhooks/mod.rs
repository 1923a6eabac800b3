//! Webhooks as the four systems send them, and who sends them.

pub mod bodies;
pub mod sender;
pub mod signing;
pub mod story;

use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings};

/// A webhook, before it is signed.
#[derive(Clone)]
pub struct Webhook {
    pub source: Source,
    /// What its headers say of it: Omneo's name of the event, OmniLab's id of the delivery. The others say it in the body.
    pub header: Option<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Webhook {
    /// What it says, as its source's reader understands it.
    pub fn changes(&self, settings: &SourceSettings) -> Vec<Change> {
        let headers = self.header.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // Bodies that carry no time stamp are about nobody. All others came later than their time, and it doesn't matter how much.
        let received_at = "2026-11-01T00:00:00Z".parse().unwrap();
        let delivery = Delivery { headers, body: self.body.clone(), received_at };
        match settings.reader(self.source).parse_webhook(&delivery).unwrap() {
            ParsedWebhook::Changes(changes) => changes,
            ParsedWebhook::Ignored(_) => Vec::new(),
        }
    }
}
