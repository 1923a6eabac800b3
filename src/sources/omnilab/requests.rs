//! OmniLab's API: the bookings of every person with a known external id, and cancelling a booking.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::OmniLabSettings;
use crate::customer::model::event::Event;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::{
    ApiConnector, ApiRequest, LookupTarget, ParsedReply, Reply, Request, Stream, Target, Traversal,
};
use crate::sources::path::Path;
use crate::sources::{Delivery, Unreadable};

pub(super) const BOOKINGS: &str = "bookings";
const CANCEL: &str = "cancel";

/// The API has no list of people: bookings are requested for each person, by the external id.
const STREAMS: [Stream; 1] = [Stream { name: BOOKINGS, traversal: Traversal::EachRecord }];

/// The requested page.
pub(super) fn page(ask: &ApiRequest) -> Option<u64> {
    if ask.page.is_empty() { Some(1) } else { ask.page.parse().ok() }
}

/// The request that cancels a booking.
#[must_use]
pub fn cancelling(booking: &str) -> ApiRequest {
    ApiRequest::about(CANCEL, booking)
}

/// Whether a stored booking is cancelled.
#[must_use]
pub fn is_cancelled(booking: &Event) -> bool {
    booking
        .versions
        .text("data.status")
        .is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"))
}

/// The request for the bookings of a participant.
#[must_use]
pub fn bookings_of(external_id: &str) -> ApiRequest {
    ApiRequest::about(BOOKINGS, external_id)
}

impl ApiConnector for OmniLabSettings {
    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    /// A participant may have an id of OmniLab itself, whatever ids the others have.
    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind> {
        if stream != BOOKINGS {
            return BTreeSet::new();
        }
        self.external_id_kind.kinds().chain([SourceKind::OmniLabParticipant]).collect()
    }

    fn first(&self, _: &str, _: Option<Timestamp>) -> Option<ApiRequest> {
        None
    }

    fn each(&self, stream: &str, id: &str, _: &FieldVersions) -> Option<ApiRequest> {
        (stream == BOOKINGS).then(|| bookings_of(id))
    }

    /// The API cannot search by address. It only returns the bookings of a known external id.
    fn find(&self, _: &LookupTarget, known: &[Record]) -> Vec<ApiRequest> {
        let kinds = self.records_of(BOOKINGS);
        let ids: BTreeSet<&str> = known
            .iter()
            .filter(|record| kinds.contains(&record.key.kind))
            .map(|record| record.key.id.as_str())
            .collect();
        ids.into_iter().map(bookings_of).collect()
    }

    fn confirm(&self, _: &Record) -> Option<ApiRequest> {
        None
    }

    /// Webhooks are complete: no request follows.
    fn after_webhook(&self, _: &Delivery) -> Vec<ApiRequest> {
        Vec::new()
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        match ask.what.as_str() {
            BOOKINGS => {
                let path = Path::new("/v1/interactions:fetchContactBookings")
                    .with("external_id", &ask.about);
                let path = path
                    .with("page_size", &self.api.page_size.to_string())
                    .with("page_number", &page(ask)?.to_string());
                Some(Request::get(Target::Below(path.finish())))
            }
            CANCEL => {
                let target = Target::Below("/v1/interactions:cancelInteractionBooking".to_owned());
                Some(Request {
                    body: Some(json!({ "booking": ask.about })),
                    target,
                    is_repeatable: false,
                })
            }
            _ => None,
        }
    }

    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        match ask.what.as_str() {
            BOOKINGS => self.bookings(ask, reply),
            CANCEL if reply.is_missing => Err(Unreadable::Missing("such booking")),
            CANCEL => Ok(ParsedReply::default()),
            _ => Err(Unreadable::Missing("known request")),
        }
    }
}
