//! Syncaroo's API: bookings by the URL from a webhook, and names of rooms and locations. It has no requests
//! about people.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::SyncarooSettings;
use super::webhooks::{API_URL, booking_key};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::{
    ApiConnector, ApiRequest, ListCoverage, LookupTarget, ParsedReply, Reply, Request, Stream,
    Target, Traversal,
};
use crate::sources::extract::{id_at, text_at};
use crate::sources::path::Path;
use crate::sources::{Delivery, Unreadable};

pub(super) const BOOKING: &str = "booking";
const BOOKINGS: &str = "bookings";
const LOCATIONS: &str = "locations";
const RESOURCES: &str = "resources";

/// Names come first, because bookings show them.
const STREAMS: [Stream; 2] = [
    Stream { name: LOCATIONS, traversal: Traversal::List(ListCoverage::Neither) },
    Stream { name: BOOKINGS, traversal: Traversal::EachEvent("booking") },
];

/// The request for a booking: its id here, and its URL, which cannot be derived from the id.
fn booking(id: &str, url: &str) -> ApiRequest {
    ApiRequest::about(BOOKING, &format!("{id}\n{url}"))
}

pub(super) fn resources_of(location: &str) -> ApiRequest {
    ApiRequest::about(RESOURCES, location)
}

impl ApiConnector for SyncarooSettings {
    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// A filter by time of change is not documented.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest> {
        (stream == LOCATIONS && since.is_none() && self.connection_id != 0)
            .then(|| ApiRequest::all(LOCATIONS))
    }

    /// A booking without a webhook cannot be found.
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<ApiRequest> {
        let url = known.text(API_URL).filter(|_| stream == BOOKINGS)?;
        Some(booking(id, url))
    }

    fn find(&self, _: &LookupTarget, _: &[Record]) -> Vec<ApiRequest> {
        Vec::new()
    }

    fn confirm(&self, _: &Record) -> Option<ApiRequest> {
        None
    }

    /// A webhook only reports that something changed, and its URL.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<ApiRequest> {
        let Ok(body) = delivery.json() else { return Vec::new() };
        let Some(url) = text_at(&body, "/metaData/apiUrl") else { return Vec::new() };
        let asked = match text_at(&body, "/metaData/attributeType").as_deref() {
            Some(BOOKINGS) => id_at(&body, "/metaData/syncarooId")
                .and_then(|id| booking_key(&id).ok())
                .map(|key| booking(&key.id, &url)),
            Some(LOCATIONS) => Some(ApiRequest::about("location", &url)),
            Some(RESOURCES) => Some(ApiRequest::about("resource", &url)),
            _ => None,
        };
        asked.into_iter().collect()
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        let target = match ask.what.as_str() {
            BOOKING => Target::Given(ask.about.split_once('\n')?.1.to_owned()),
            "location" | "resource" => Target::Given(ask.about.clone()),
            LOCATIONS | RESOURCES if !ask.page.is_empty() => Target::Given(ask.page.clone()),
            LOCATIONS => Target::Below(self.locations()?.finish()),
            RESOURCES => {
                Target::Below(self.locations()?.segment(&ask.about)?.segment(RESOURCES)?.finish())
            }
            _ => return None,
        };
        Some(Request::get(target))
    }

    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        self.parsed_reply(ask, reply)
    }
}

impl SyncarooSettings {
    fn locations(&self) -> Option<Path> {
        (self.connection_id != 0)
            .then(|| Path::new(&format!("/{}/{LOCATIONS}", self.connection_id)))
    }
}
