//! When Syncaroo's API is asked, and for what.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::booking::{API_URL, BOOKING, BOOKINGS, attribute_type, booking_of_webhook};
use super::place::PlaceKind;
use super::requests::SyncarooRequest;
use super::settings::SyncarooSettings;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::http::{Reply, Request};
use crate::sources::api::reply::ParsedReply;
use crate::sources::api::source_api::{LookupTarget, SourceApi};
use crate::sources::api::stream::{ListCoverage, Stream, Traversal};
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::text_at;

/// Names come first, because bookings show them.
const STREAMS: [Stream; 2] = [
    Stream { name: PlaceKind::Location.list(), traversal: Traversal::List(ListCoverage::Neither) },
    Stream { name: BOOKINGS, traversal: Traversal::EachEvent(BOOKING) },
];

impl SourceApi for SyncarooSettings {
    type Request = SyncarooRequest;

    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// A filter by time of change is not documented.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<SyncarooRequest> {
        let is_list = stream == PlaceKind::Location.list();
        (is_list && since.is_none() && self.connection_id != 0)
            .then_some(SyncarooRequest::Locations { page_url: None })
    }

    /// A booking without a webhook cannot be found.
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<SyncarooRequest> {
        let url = known.text(API_URL).filter(|_| stream == BOOKINGS)?;
        Some(SyncarooRequest::Booking { id: id.to_owned(), url: url.to_owned() })
    }

    fn find(&self, _: &LookupTarget, _: &[Record]) -> Vec<SyncarooRequest> {
        Vec::new()
    }

    fn confirm(&self, _: &Record) -> Option<SyncarooRequest> {
        None
    }

    /// A webhook only reports that something changed, and its URL.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<SyncarooRequest> {
        let Ok(body) = delivery.json() else { return Vec::new() };
        let asked = || {
            let url = text_at(&body, "/metaData/apiUrl")?;
            let attribute = attribute_type(&body)?;
            if attribute == BOOKINGS {
                let key = booking_of_webhook(&body).ok()?;
                return Some(SyncarooRequest::Booking { id: key.id, url });
            }
            let kind = PlaceKind::ALL.into_iter().find(|kind| kind.list() == attribute)?;
            Some(SyncarooRequest::Place { kind, url })
        };
        asked().into_iter().collect()
    }

    fn request(&self, ask: &SyncarooRequest) -> Option<Request> {
        ask.over_http(self)
    }

    fn read(
        &self,
        ask: &SyncarooRequest,
        reply: &Reply,
    ) -> Result<ParsedReply<SyncarooRequest>, Unreadable> {
        self.parsed_reply(ask, reply)
    }
}
