//! When OmniLab's API is asked, and for what: the bookings of every person with a known external id.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::requests::{BOOKINGS, OmniLabRequest};
use super::settings::OmniLabSettings;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::http::{Reply, Request};
use crate::sources::api::reply::ParsedReply;
use crate::sources::api::source_api::{LookupTarget, SourceApi};
use crate::sources::api::stream::{Stream, Traversal};
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;

/// The API has no list of people: bookings are requested for each person, by the external id.
const STREAMS: [Stream; 1] = [Stream { name: BOOKINGS, traversal: Traversal::EachRecord }];

impl OmniLabSettings {
    /// The kinds of record whose ids are external ids. A participant may have an id of OmniLab itself, whatever ids
    /// the others have.
    fn kinds_with_bookings(&self) -> BTreeSet<SourceKind> {
        self.external_id_kind.kinds().chain([SourceKind::OmniLabParticipant]).collect()
    }
}

impl SourceApi for OmniLabSettings {
    type Request = OmniLabRequest;

    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind> {
        if stream == BOOKINGS { self.kinds_with_bookings() } else { BTreeSet::new() }
    }

    fn first(&self, _: &str, _: Option<Timestamp>) -> Option<OmniLabRequest> {
        None
    }

    fn each(&self, stream: &str, id: &str, _: &FieldVersions) -> Option<OmniLabRequest> {
        (stream == BOOKINGS).then(|| OmniLabRequest::bookings_of(id))
    }

    /// The API cannot search by address. It only returns the bookings of a known external id.
    fn find(&self, _: &LookupTarget, known: &[Record]) -> Vec<OmniLabRequest> {
        let kinds = self.kinds_with_bookings();
        let ids: BTreeSet<&str> = known
            .iter()
            .filter(|record| kinds.contains(&record.key.kind))
            .map(|record| record.key.id.as_str())
            .collect();
        ids.into_iter().map(OmniLabRequest::bookings_of).collect()
    }

    fn confirm(&self, _: &Record) -> Option<OmniLabRequest> {
        None
    }

    /// Webhooks are complete: no request follows.
    fn after_webhook(&self, _: &Delivery) -> Vec<OmniLabRequest> {
        Vec::new()
    }

    fn request(&self, ask: &OmniLabRequest) -> Option<Request> {
        Some(ask.over_http(self))
    }

    fn read(
        &self,
        ask: &OmniLabRequest,
        reply: &Reply,
    ) -> Result<ParsedReply<OmniLabRequest>, Unreadable> {
        match ask {
            OmniLabRequest::Bookings { external_id, page } => {
                self.bookings(external_id, *page, reply)
            }
            OmniLabRequest::CancelBooking { .. } if reply.is_missing => {
                Err(Unreadable::Missing("such booking"))
            }
            OmniLabRequest::CancelBooking { .. } => Ok(ParsedReply::default()),
        }
    }
}
