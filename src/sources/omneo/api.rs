//! When Omneo's API is asked, and for what.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::context::{owner_of, winner_of};
use super::requests::{OmneoEvents, OmneoPage, OmneoPart, OmneoRequest, ProfileFilter};
use super::settings::OmneoSettings;
use super::shape::reports_deletion;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::http::{Reply, Request};
use crate::sources::api::reply::ParsedReply;
use crate::sources::api::source_api::{LookupTarget, SourceApi};
use crate::sources::api::stream::{ListCoverage, Stream, Traversal};
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::id_at;

/// The name of the list of profiles. The others have those of [`OmneoEvents`].
const PROFILES: &str = "profiles";

/// Profiles come first, because events belong to them.
const STREAMS: [Stream; 5] = [
    Stream {
        name: PROFILES,
        traversal: Traversal::List(ListCoverage::Records(SourceKind::OmneoProfile)),
    },
    stream_of(OmneoEvents::Transactions),
    stream_of(OmneoEvents::Rewards),
    stream_of(OmneoEvents::Benefits),
    stream_of(OmneoEvents::Interactions),
];

const fn stream_of(events: OmneoEvents) -> Stream {
    Stream { name: events.name(), traversal: Traversal::List(ListCoverage::Events(events.one())) }
}

impl SourceApi for OmneoSettings {
    type Request = OmneoRequest;

    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// Only profiles have a documented filter by time.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<OmneoRequest> {
        if stream == PROFILES {
            return Some(OmneoRequest::profiles(match since {
                None => ProfileFilter::All,
                Some(since) => ProfileFilter::ChangedSince(self.written(since)),
            }));
        }
        let events = OmneoEvents::ALL.into_iter().find(|events| events.name() == stream)?;
        since.is_none().then_some(OmneoRequest::Events { events, page: OmneoPage::First })
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<OmneoRequest> {
        None
    }

    fn find(&self, target: &LookupTarget, known: &[Record]) -> Vec<OmneoRequest> {
        let known: Vec<&Record> =
            known.iter().filter(|record| record.key.kind == SourceKind::OmneoProfile).collect();
        let search = match target {
            LookupTarget::Address(address) => search_by_address(address, &known),
            LookupTarget::Id(_) if !known.is_empty() => Vec::new(),
            LookupTarget::Id(id) => search_by_id(id),
        };
        known
            .iter()
            .map(|record| OmneoRequest::WholeProfile { id: record.key.id.clone() })
            .chain(search)
            .collect()
    }

    fn confirm(&self, record: &Record) -> Option<OmneoRequest> {
        (record.key.kind == SourceKind::OmneoProfile)
            .then(|| OmneoRequest::Profile { id: record.key.id.clone() })
    }

    /// The result of a merge is in no webhook. The profile that reached a tier is sometimes missing too.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<OmneoRequest> {
        let Ok(body) = delivery.json() else { return Vec::new() };
        let id = match delivery.header("x-omneo-event").unwrap_or_default() {
            "profile.merged" => return winner_of(&body).map(after_merge).unwrap_or_default(),
            "profile.deleted" if !reports_deletion(&body) => id_at(&body, "/id"),
            "tier.lost" | "tier.maintained" | "tier.progressed"
                if !body.get("profile").is_some_and(Value::is_object) =>
            {
                owner_of(&body)
            }
            _ => None,
        };
        id.map(|id| OmneoRequest::Profile { id }).into_iter().collect()
    }

    fn request(&self, ask: &OmneoRequest) -> Option<Request> {
        ask.over_http(self)
    }

    fn read(
        &self,
        ask: &OmneoRequest,
        reply: &Reply,
    ) -> Result<ParsedReply<OmneoRequest>, Unreadable> {
        self.parsed_reply(ask, reply)
    }
}

/// At most one profile in Omneo has an e-mail address or mobile number.
fn search_by_address(address: &Identifier, known: &[&Record]) -> Vec<OmneoRequest> {
    if known.iter().any(|record| identifiers_of(record, None).values.contains(address)) {
        return Vec::new();
    }
    let filter = match address.kind {
        IdentifierKind::Email => ProfileFilter::Email(address.value.clone()),
        IdentifierKind::Phone => ProfileFilter::Phone(address.value.clone()),
        IdentifierKind::Facebook | IdentifierKind::Twitter | IdentifierKind::Reference => {
            return Vec::new();
        }
    };
    vec![OmneoRequest::profiles(filter)]
}

/// An id may be one of another system, or the profile's own.
fn search_by_id(id: &str) -> Vec<OmneoRequest> {
    let own =
        Uuid::try_parse(id).is_ok().then(|| OmneoRequest::PossibleProfile { id: id.to_owned() });
    [OmneoRequest::ProfilesWithIdentity { identifier: id.to_owned() }]
        .into_iter()
        .chain(own)
        .collect()
}

/// The profile that remains after a merge, and the profiles that were merged into it.
fn after_merge(id: String) -> Vec<OmneoRequest> {
    let identities = OmneoRequest::part(OmneoPart::Identities, &id);
    vec![OmneoRequest::Profile { id }, identities]
}
