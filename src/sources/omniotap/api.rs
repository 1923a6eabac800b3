//! When OmnioTap's API is asked, and for what.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::entity::Entity;
use super::requests::{OmnioTapRequest, Person};
use super::settings::OmnioTapSettings;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::IdentifierKind;
use crate::customer::model::record::{Record, field};
use crate::customer::model::source::SourceKind;
use crate::sources::address_match;
use crate::sources::api::http::{Reply, Request};
use crate::sources::api::reply::ParsedReply;
use crate::sources::api::source_api::{LookupTarget, SourceApi};
use crate::sources::api::stream::{ListCoverage, Stream, Traversal};
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;

/// People come first, because the other objects belong to them.
const STREAMS: [Stream; 5] = [
    people(Entity::Contact, SourceKind::OmnioTapContact),
    people(Entity::Customer, SourceKind::OmnioTapCustomer),
    events(Entity::Lead),
    events(Entity::Opportunity),
    events(Entity::Ticket),
];

const fn people(entity: Entity, kind: SourceKind) -> Stream {
    Stream { name: entity.list(), traversal: Traversal::List(ListCoverage::Records(kind)) }
}

const fn events(entity: Entity) -> Stream {
    Stream { name: entity.list(), traversal: Traversal::List(ListCoverage::Events(entity.name())) }
}

impl SourceApi for OmnioTapSettings {
    type Request = OmnioTapRequest;

    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// A filter by time of change is not documented.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<OmnioTapRequest> {
        let entity = Entity::ALL.into_iter().find(|entity| entity.list() == stream)?;
        since.is_none().then_some(OmnioTapRequest::List { entity, page: 1 })
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<OmnioTapRequest> {
        None
    }

    fn find(&self, target: &LookupTarget, known: &[Record]) -> Vec<OmnioTapRequest> {
        let addresses: BTreeSet<String> = match target {
            LookupTarget::Address(address)
                if matches!(address.kind, IdentifierKind::Email | IdentifierKind::Phone) =>
            {
                [address.value.clone()].into()
            }
            LookupTarget::Address(_) => BTreeSet::new(),
            // The API cannot search by id, so known records are searched by their addresses.
            LookupTarget::Id(_) => known.iter().filter_map(address_of).collect(),
        };
        let search = |address: String| {
            Person::ALL.map(|person| OmnioTapRequest::SearchAddress {
                person,
                address: address.clone(),
                page: 1,
            })
        };
        addresses.into_iter().flat_map(search).collect()
    }

    fn confirm(&self, record: &Record) -> Option<OmnioTapRequest> {
        let person = match record.key.kind {
            SourceKind::OmnioTapContact => Person::Contact,
            SourceKind::OmnioTapCustomer => Person::Customer,
            SourceKind::OmneoProfile
            | SourceKind::OmniLabParticipant
            | SourceKind::SyncarooMember => return None,
        };
        let text =
            |name| record.versions.with_prefix(name).find_map(|(_, value, _)| value.as_str());
        let telling = text(field::EMAIL)
            .or_else(|| text(field::PHONE))
            .or_else(|| record.versions.text(field::LAST_NAME))?;
        Some(OmnioTapRequest::Search { person, text: telling.to_owned(), page: 1 })
    }

    /// Webhooks are complete: no request follows.
    fn after_webhook(&self, _: &Delivery) -> Vec<OmnioTapRequest> {
        Vec::new()
    }

    fn request(&self, ask: &OmnioTapRequest) -> Option<Request> {
        Some(ask.over_http(self))
    }

    fn read(
        &self,
        ask: &OmnioTapRequest,
        reply: &Reply,
    ) -> Result<ParsedReply<OmnioTapRequest>, Unreadable> {
        self.parsed_reply(ask, reply)
    }
}

/// The first address of a record, in canonical form.
fn address_of(record: &Record) -> Option<String> {
    let texts = [field::EMAIL, field::PHONE]
        .into_iter()
        .flat_map(|prefix| record.versions.with_prefix(prefix));
    texts
        .filter_map(|(_, value, _)| address_match::address(value.as_str()?))
        .map(|address| address.value)
        .next()
}
