//! OmnioTap's API: lists by page, and a search whose results are looked at again here, since it isn't published what it looks at.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::OmnioTapSettings;
use super::entity::{Entity, Stamp};
use crate::customer::model::field_versions::{FieldVersions, Scope};
use crate::customer::model::identifier::IdentifierKind;
use crate::customer::model::record::{Change, Record, field};
use crate::customer::model::source::SourceKind;
use crate::sources::api::{Api, Ask, ListCoverage, LookupTarget, ParsedReply, Reply, Request, Stream, Target, Traversal};
use crate::sources::extract::Fields;
use crate::sources::listing::Listing;
use crate::sources::path::Path;
use crate::sources::said_at::said_at;
use crate::sources::{Delivery, Unreadable, address_match};

/// People before what happened to them.
const STREAMS: [Stream; 5] = [
    Stream { name: "contacts", traversal: Traversal::List(ListCoverage::Records(SourceKind::OmnioTapContact)) },
    Stream { name: "customers", traversal: Traversal::List(ListCoverage::Records(SourceKind::OmnioTapCustomer)) },
    Stream { name: "leads", traversal: Traversal::List(ListCoverage::Events("lead")) },
    Stream { name: "opportunities", traversal: Traversal::List(ListCoverage::Events("opportunity")) },
    Stream { name: "tickets", traversal: Traversal::List(ListCoverage::Events("ticket")) },
];

/// What is asked about a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ObjectKind {
    /// Everything on it.
    All,
    /// Who on it has an address.
    With,
    /// Everything that a search finds.
    Like,
}

/// The questions about lists: everything, whoever has an address, whatever a search finds.
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

fn question(ask: &Ask) -> Option<(Entity, ObjectKind)> {
    QUESTIONS.iter().find(|(what, ..)| *what == ask.what).map(|(_, entity, sort)| (*entity, *sort))
}

/// The page that is asked for.
fn page(ask: &Ask) -> Option<u64> {
    if ask.page.is_empty() { Some(1) } else { ask.page.parse().ok() }
}

impl Api for OmnioTapSettings {
    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// It isn't published how to ask for what changed.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<Ask> {
        (since.is_none() && STREAMS.iter().any(|known| known.name == stream)).then(|| Ask::all(stream))
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<Ask> {
        None
    }

    fn find(&self, whom: &LookupTarget, known: &[Record]) -> Vec<Ask> {
        let addresses: BTreeSet<String> = match whom {
            LookupTarget::Address(address) if matches!(address.kind, IdentifierKind::Email | IdentifierKind::Phone) => [address.value.clone()].into(),
            LookupTarget::Address(_) => BTreeSet::new(),
            // There is no question about an id, so those who are known are asked about by what they have.
            LookupTarget::Id(_) => known.iter().filter_map(address_of).collect(),
        };
        addresses.iter().flat_map(|address| ["contacts with", "customers with"].map(|what| Ask::about(what, address))).collect()
    }

    fn confirm(&self, record: &Record) -> Option<Ask> {
        let what = match record.key.kind {
            SourceKind::OmnioTapContact => "contacts like",
            SourceKind::OmnioTapCustomer => "customers like",
            SourceKind::OmneoProfile | SourceKind::OmniLabParticipant | SourceKind::SyncarooMember => return None,
        };
        let text = |name| record.versions.with_prefix(name).find_map(|(_, value, _)| value.as_str());
        let telling = text(field::EMAIL).or_else(|| text(field::PHONE)).or_else(|| record.versions.text(field::LAST_NAME))?;
        Some(Ask::about(what, telling))
    }

    /// Webhooks say all there is to say.
    fn after_webhook(&self, _: &Delivery) -> Vec<Ask> {
        Vec::new()
    }

    fn request(&self, ask: &Ask) -> Option<Request> {
        let (entity, sort) = question(ask)?;
        let path = Path::new(&format!("/{}", entity.list())).with("page", &page(ask)?.to_string()).with("limit", &self.api.page_size.to_string());
        let path = match sort {
            ObjectKind::All => path,
            ObjectKind::With | ObjectKind::Like => path.with("search", &ask.about),
        };
        Some(Request::get(Target::Below(path.finish())))
    }

    fn read(&self, ask: &Ask, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        let (entity, sort) = question(ask).ok_or(Unreadable::Missing("question"))?;
        // That there is no such list doesn't say that nobody is on it.
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body.and_then(|body| Listing::find(body, entity.list())).ok_or(Unreadable::Missing("list"))?;
        let page = page(ask).ok_or(Unreadable::Missing("page"))?;
        let address = if sort == ObjectKind::With { address_match::address(&ask.about) } else { None };
        let mut heard = ParsedReply { total: listing.total(page, self.api.page_size), ..ParsedReply::default() };
        for item in listing.items {
            let mut unread = Fields::new();
            let said_at = said_at(item, &["/updatedAt", "/createdAt"], &mut unread);
            let stamp = Stamp { at: said_at.stamp(reply.received_at), received_at: reply.received_at, unread };
            // What has no id keeps nobody else from being read.
            let Ok(change) = entity.change(item, stamp, said_at.known(), Scope::Whole) else { continue };
            heard.there.extend(change.keys());
            let is_meant = match &change {
                Change::Record { update, .. } => address.as_ref().is_some_and(|address| address_match::has(update, address)),
                Change::Event { .. } | Change::Merge(_) => false,
            };
            if is_meant || sort != ObjectKind::With {
                heard.changes.push(change);
            }
        }
        if heard.there.is_empty() && !listing.items.is_empty() {
            return Err(Unreadable::Missing("id"));
        }
        heard.next = listing.has_more(page, self.api.page_size).then(|| ask.on_page(page.saturating_add(1).to_string()));
        Ok(heard)
    }
}

/// The first address that a record has, in the form in which it is compared.
fn address_of(record: &Record) -> Option<String> {
    let texts = [field::EMAIL, field::PHONE].into_iter().flat_map(|prefix| record.versions.with_prefix(prefix));
    texts.filter_map(|(_, value, _)| address_match::address(value.as_str()?)).map(|address| address.value).next()
}
