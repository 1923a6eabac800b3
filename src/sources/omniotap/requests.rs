//! OmnioTap's API: lists by page, and a search. Search results are checked again here, because the searched
//! fields are not documented.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::OmnioTapSettings;
use super::entity::{Entity, Stamp};
use crate::customer::model::field_versions::{FieldVersions, Scope};
use crate::customer::model::identifier::IdentifierKind;
use crate::customer::model::record::{Change, Record, field};
use crate::customer::model::source::SourceKind;
use crate::sources::api::{
    ApiConnector, ApiRequest, ListCoverage, LookupTarget, ParsedReply, Reply, Request, Stream,
    Target, Traversal,
};
use crate::sources::extract::Fields;
use crate::sources::listing::Listing;
use crate::sources::path::Path;
use crate::sources::said_at::said_at;
use crate::sources::{Delivery, Unreadable, address_match};

/// People come first, because the other objects belong to them.
const STREAMS: [Stream; 5] = [
    Stream {
        name: "contacts",
        traversal: Traversal::List(ListCoverage::Records(SourceKind::OmnioTapContact)),
    },
    Stream {
        name: "customers",
        traversal: Traversal::List(ListCoverage::Records(SourceKind::OmnioTapCustomer)),
    },
    Stream { name: "leads", traversal: Traversal::List(ListCoverage::Events("lead")) },
    Stream {
        name: "opportunities",
        traversal: Traversal::List(ListCoverage::Events("opportunity")),
    },
    Stream { name: "tickets", traversal: Traversal::List(ListCoverage::Events("ticket")) },
];

/// The kind of request for a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ObjectKind {
    /// All items.
    All,
    /// The items with an address.
    With,
    /// All results of a search.
    Like,
}

/// The requests for lists: all items, those with an address, results of a search.
const QUESTIONS: [(&str, Entity, ObjectKind); 9] = [
    ("contacts", Entity::Contact, ObjectKind::All),
    ("customers", Entity::Customer, ObjectKind::All),
    ("leads", Entity::Lead, ObjectKind::All),
    ("opportunities", Entity::Opportunity, ObjectKind::All),
    ("tickets", Entity::Ticket, ObjectKind::All),
    ("contacts with", Entity::Contact, ObjectKind::With),
    ("customers with", Entity::Customer, ObjectKind::With),
    ("contacts like", Entity::Contact, ObjectKind::Like),
    ("customers like", Entity::Customer, ObjectKind::Like),
];

fn question(ask: &ApiRequest) -> Option<(Entity, ObjectKind)> {
    QUESTIONS.iter().find(|(what, ..)| *what == ask.what).map(|(_, entity, sort)| (*entity, *sort))
}

/// The requested page.
fn page(ask: &ApiRequest) -> Option<u64> {
    if ask.page.is_empty() { Some(1) } else { ask.page.parse().ok() }
}

impl ApiConnector for OmnioTapSettings {
    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// A filter by time of change is not documented.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest> {
        (since.is_none() && STREAMS.iter().any(|known| known.name == stream))
            .then(|| ApiRequest::all(stream))
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<ApiRequest> {
        None
    }

    fn find(&self, whom: &LookupTarget, known: &[Record]) -> Vec<ApiRequest> {
        let addresses: BTreeSet<String> = match whom {
            LookupTarget::Address(address)
                if matches!(address.kind, IdentifierKind::Email | IdentifierKind::Phone) =>
            {
                [address.value.clone()].into()
            }
            LookupTarget::Address(_) => BTreeSet::new(),
            // The API cannot search by id, so known records are searched by their addresses.
            LookupTarget::Id(_) => known.iter().filter_map(address_of).collect(),
        };
        addresses
            .iter()
            .flat_map(|address| {
                ["contacts with", "customers with"].map(|what| ApiRequest::about(what, address))
            })
            .collect()
    }

    fn confirm(&self, record: &Record) -> Option<ApiRequest> {
        let what = match record.key.kind {
            SourceKind::OmnioTapContact => "contacts like",
            SourceKind::OmnioTapCustomer => "customers like",
            SourceKind::OmneoProfile
            | SourceKind::OmniLabParticipant
            | SourceKind::SyncarooMember => return None,
        };
        let text =
            |name| record.versions.with_prefix(name).find_map(|(_, value, _)| value.as_str());
        let telling = text(field::EMAIL)
            .or_else(|| text(field::PHONE))
            .or_else(|| record.versions.text(field::LAST_NAME))?;
        Some(ApiRequest::about(what, telling))
    }

    /// Webhooks are complete: no request follows.
    fn after_webhook(&self, _: &Delivery) -> Vec<ApiRequest> {
        Vec::new()
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        let (entity, sort) = question(ask)?;
        let path = Path::new(&format!("/{}", entity.list()))
            .with("page", &page(ask)?.to_string())
            .with("limit", &self.api.page_size.to_string());
        let path = match sort {
            ObjectKind::All => path,
            ObjectKind::With | ObjectKind::Like => path.with("search", &ask.about),
        };
        Some(Request::get(Target::Below(path.finish())))
    }

    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        let (entity, sort) = question(ask).ok_or(Unreadable::Missing("known request"))?;
        // A missing list does not mean that the list is empty.
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body
            .and_then(|body| Listing::find(body, entity.list()))
            .ok_or(Unreadable::Missing("list"))?;
        let page = page(ask).ok_or(Unreadable::Missing("page"))?;
        let address =
            if sort == ObjectKind::With { address_match::address(&ask.about) } else { None };
        let mut heard = ParsedReply {
            total: listing.total(page, self.api.page_size),
            ..ParsedReply::default()
        };
        for item in listing.items {
            let mut unread = Fields::new();
            let said_at = said_at(item, &["/updatedAt", "/createdAt"], &mut unread);
            let stamp = Stamp {
                at: said_at.stamp(reply.received_at),
                received_at: reply.received_at,
                unread,
            };
            // An item without an id does not stop the others.
            let Ok(change) = entity.change(item, stamp, said_at.known(), Scope::Whole) else {
                continue;
            };
            heard.there.extend(change.keys());
            let is_meant = match &change {
                Change::Record { update, .. } => {
                    address.as_ref().is_some_and(|address| address_match::has(update, address))
                }
                Change::Event { .. } | Change::Merge(_) => false,
            };
            if is_meant || sort != ObjectKind::With {
                heard.changes.push(change);
            }
        }
        if heard.there.is_empty() && !listing.items.is_empty() {
            return Err(Unreadable::Missing("id"));
        }
        heard.next = listing
            .has_more(page, self.api.page_size)
            .then(|| ask.on_page(page.saturating_add(1).to_string()));
        Ok(heard)
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
