//! OmnioTap's API: lists by page, and a search whose results are looked at again here, since it isn't published what it looks at.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::OmnioTapSettings;
use super::entity::{Entity, Stamp};
use crate::customer::model::field_versions::{Scope, Versions};
use crate::customer::model::identifier::IdentifierKind;
use crate::customer::model::record::{Change, Record, field};
use crate::customer::model::source::SourceKind;
use crate::sources::api::{Api, Ask, Heard, Holds, Reply, Request, Stream, Target, Walk, Whom};
use crate::sources::extract::Fields;
use crate::sources::listing::Listing;
use crate::sources::path::Path;
use crate::sources::said_at::said_at;
use crate::sources::{Delivery, Unreadable, address_match};

/// People before what happened to them.
const STREAMS: [Stream; 5] = [
    Stream { name: "contacts", walk: Walk::List(Holds::Records(SourceKind::OmnioTapContact)) },
    Stream { name: "customers", walk: Walk::List(Holds::Records(SourceKind::OmnioTapCustomer)) },
    Stream { name: "leads", walk: Walk::List(Holds::Events("lead")) },
    Stream { name: "opportunities", walk: Walk::List(Holds::Events("opportunity")) },
    Stream { name: "tickets", walk: Walk::List(Holds::Events("ticket")) },
];

/// What is asked about a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Everything on it.
    All,
    /// Who on it has an address.
    With,
    /// Everything that a search finds.
    Like,
}

/// The questions about lists: everything, whoever has an address, whatever a search finds.
const QUESTIONS: [(&str, Entity, Sort); 9] = [
    ("contacts", Entity::Contact, Sort::All),
    ("customers", Entity::Customer, Sort::All),
    ("leads", Entity::Lead, Sort::All),
    ("opportunities", Entity::Opportunity, Sort::All),
    ("tickets", Entity::Ticket, Sort::All),
    ("contacts with", Entity::Contact, Sort::With),
    ("customers with", Entity::Customer, Sort::With),
    ("contacts like", Entity::Contact, Sort::Like),
    ("customers like", Entity::Customer, Sort::Like),
];

fn question(ask: &Ask) -> Option<(Entity, Sort)> {
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

    fn each(&self, _: &str, _: &str, _: &Versions) -> Option<Ask> {
        None
    }

    fn find(&self, whom: &Whom, known: &[Record]) -> Vec<Ask> {
        let addresses: BTreeSet<String> = match whom {
            Whom::Address(address) if matches!(address.kind, IdentifierKind::Email | IdentifierKind::Phone) => [address.value.clone()].into(),
            Whom::Address(_) => BTreeSet::new(),
            // There is no question about an id, so those who are known are asked about by what they have.
            Whom::Id(_) => known.iter().filter_map(address_of).collect(),
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
            Sort::All => path,
            Sort::With | Sort::Like => path.with("search", &ask.about),
        };
        Some(Request::get(Target::Below(path.finish())))
    }

    fn read(&self, ask: &Ask, reply: &Reply) -> Result<Heard, Unreadable> {
        let (entity, sort) = question(ask).ok_or(Unreadable::Missing("question"))?;
        // That there is no such list doesn't say that nobody is on it.
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body.and_then(|body| Listing::find(body, entity.list())).ok_or(Unreadable::Missing("list"))?;
        let page = page(ask).ok_or(Unreadable::Missing("page"))?;
        let address = if sort == Sort::With { address_match::address(&ask.about) } else { None };
        let mut heard = Heard { total: listing.total(page, self.api.page_size), ..Heard::default() };
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
            if is_meant || sort != Sort::With {
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
