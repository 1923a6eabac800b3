//! Objects of the CRM, in the same form in webhooks and in the lists of the API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, field};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::mentioned::Mentions;
use crate::sources::said_at::undated;
use crate::sources::time::Moment;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::id_at;

/// A type of object in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A person.
    Contact,
    /// A person who is a customer.
    Customer,
    /// An interest in an offer.
    Lead,
    /// A possible sale.
    Opportunity,
    /// A question or complaint.
    Ticket,
}

/// The time of a change, and the fields that could not be parsed.
pub(super) struct Stamp {
    pub(super) at: Timestamp,
    pub(super) received_at: Timestamp,
    pub(super) unread: Fields,
}

impl Entity {
    pub(super) const ALL: [Self; 5] =
        [Self::Contact, Self::Customer, Self::Lead, Self::Opportunity, Self::Ticket];

    /// Its name in webhooks.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Customer => "customer",
            Self::Lead => "lead",
            Self::Opportunity => "opportunity",
            Self::Ticket => "ticket",
        }
    }

    /// The name of its list in the API.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Customer => "customers",
            Self::Lead => "leads",
            Self::Opportunity => "opportunities",
            Self::Ticket => "tickets",
        }
    }

    /// The change of an object, and the time of its event, if known.
    pub(super) fn change(
        self,
        data: &Value,
        stamp: Stamp,
        occurred_at: Option<Moment>,
        scope: Scope,
    ) -> Result<Change, Unreadable> {
        let id = id_at(data, "/id").ok_or(Unreadable::Missing("usable id"))?;
        let Stamp { at, received_at, unread } = stamp;
        let update = |mut fields: Fields| {
            // For a deletion, only the unparsable fields of the deletion count.
            let said =
                if scope == Scope::Deletion { Fields::new() } else { std::mem::take(&mut fields) };
            Update {
                at,
                received_at,
                scope,
                fields: said.into_iter().chain(unread.clone()).collect(),
            }
        };
        let record = |kind, fields| {
            let key = RecordKey::new(kind, &id).ok_or(Unreadable::Missing("usable id"))?;
            Ok(Change::Record { key, update: update(fields) })
        };
        let event = |places| {
            let key = EventKey::new(Source::OmnioTap, self.name(), &id)
                .ok_or(Unreadable::Missing("usable id"))?;
            Ok(Change::Event {
                key,
                update: update(event_fields(data, places, occurred_at, &unread)),
            })
        };
        match self {
            Self::Contact => record(SourceKind::OmnioTapContact, person(data).finish()),
            Self::Customer => record(SourceKind::OmnioTapCustomer, customer(data).finish()),
            Self::Lead => event(&LEAD),
            Self::Opportunity => event(&OPPORTUNITY),
            Self::Ticket => event(&TICKET),
        }
    }
}

const LEAD: [(&str, &str); 4] = [
    ("/title", "data.title"),
    ("/leadSource", "data.lead_source"),
    ("/status", "data.status"),
    ("/priority", "data.priority"),
];
const OPPORTUNITY: [(&str, &str); 3] =
    [("/title", "data.title"), ("/stage", "data.stage"), ("/status", "data.status")];
const TICKET: [(&str, &str); 3] =
    [("/subject", "data.subject"), ("/status", "data.status"), ("/priority", "data.priority")];

fn person(data: &Value) -> FieldExtractor<'_> {
    FieldExtractor::new(data)
        .pick_name(&[("/firstName", field::FIRST_NAME), ("/lastName", field::LAST_NAME)])
        .pick_address(&[("/email", "email.main"), ("/phone", "phone.main")])
        .pick_time(&[("/createdAt", field::CREATED_AT)])
        .pick(&[
            ("/status", "attribute.status"),
            ("/company", "attribute.company"),
            ("/jobTitle", "attribute.job_title"),
        ])
}

fn customer(data: &Value) -> FieldExtractor<'_> {
    person(data)
        .pick_id(&[
            ("/contactId", "reference.omniotap.contact"),
            ("/customerNumber", "reference.omniotap.customer_number"),
        ])
        .pick(&[
            ("/segment", "attribute.segment"),
            ("/customerNumber", "attribute.customer_number"),
        ])
        .pick_time(&[("/customerSince", "attribute.customer_since")])
}

/// The person is the customer if one is named, else the contact.
fn event_fields(
    data: &Value,
    places: &[(&str, &str)],
    occurred_at: Option<Moment>,
    unread: &Fields,
) -> Fields {
    FieldExtractor::new(data)
        .pick(places)
        .pick_number(&[("/amount", "data.amount")])
        .pick_currency(&[("/currency", "data.currency")])
        .pick_text(&[("/url", event::field::URL)])
        .pick_id(&[("/number", "reference.number"), ("/number", "data.number")])
        .pick_time(&[("/createdAt", "data.created_at")])
        .set_known(event::field::OCCURRED_AT, occurred_at.map(Moment::text))
        .with(undated(occurred_at, unread).into_iter().collect())
        .pick_owner(
            event::field::RECORD,
            &[
                ("/customerId", SourceKind::OmnioTapCustomer),
                ("/contactId", SourceKind::OmnioTapContact),
            ],
        )
        .finish()
}

/// Whom an object names, also one that cannot be applied.
pub(super) fn mentions_in(entity: Option<Entity>, data: &Value) -> Mentions {
    let id = |pointer: &str| id_at(data, pointer);
    let own = match entity {
        Some(Entity::Contact) => Some(("/id", SourceKind::OmnioTapContact)),
        Some(Entity::Customer) => Some(("/id", SourceKind::OmnioTapCustomer)),
        _ => None,
    };
    let named = [
        ("/customerId", SourceKind::OmnioTapCustomer),
        ("/contactId", SourceKind::OmnioTapContact),
    ];
    let records = own.into_iter().chain(named);
    let records = records.filter_map(|(pointer, kind)| RecordKey::new(kind, &id(pointer)?));
    let event = entity.filter(|_| own.is_none()).zip(id("/id"));
    let event = event.and_then(|(entity, id)| EventKey::new(Source::OmnioTap, entity.name(), &id));
    Mentions {
        records: records.collect(),
        events: event.into_iter().collect(),
        fields: person(data).finish(),
    }
}
