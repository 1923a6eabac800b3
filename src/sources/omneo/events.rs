//! Events of a profile, in the same form in webhooks and in the lists of the API.

use jiff::Timestamp;
use serde_json::Value;

use super::profile;
use super::profile::ProfileParser;
use super::requests::OmneoEvents;
use super::shape::reports_deletion;
use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::said_at::said_at;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::id_at;

type Places = &'static [(&'static str, &'static str)];

/// A type of event.
pub(super) struct EventSpec {
    /// Its name in webhooks.
    pub(super) thing: &'static str,
    /// The values that templates may show.
    values: Places,
    /// Amounts and counts among them.
    numbers: Places,
    /// The fields with the time, the best one last.
    times: Places,
}

const TRANSACTION: EventSpec = EventSpec {
    thing: "transaction",
    values: &[
        ("/status", "data.status"),
        ("/type", "data.kind"),
        ("/location/name", "data.location"),
    ],
    numbers: &[("/total", "data.total")],
    times: &[
        ("/created_at", event::field::OCCURRED_AT),
        ("/transacted_at", event::field::OCCURRED_AT),
    ],
};

const ORDER: EventSpec = EventSpec {
    thing: "order",
    values: &[("/status", "data.status")],
    numbers: &[("/total", "data.total")],
    times: &[
        ("/created_at", event::field::OCCURRED_AT),
        ("/ordered_at", event::field::OCCURRED_AT),
    ],
};

const REWARD: EventSpec = EventSpec {
    thing: "reward",
    values: &[("/definition/name", "data.name")],
    numbers: &[
        ("/value_initial", "data.value_initial"),
        ("/value_remaining", "data.value_remaining"),
    ],
    times: &[("/issued_at", event::field::OCCURRED_AT), ("/expires_at", "data.expires_at")],
};

const BENEFIT: EventSpec = EventSpec {
    thing: "benefit",
    values: &[("/definition/name", "data.name")],
    numbers: &[],
    times: &[("/issued_at", event::field::OCCURRED_AT), ("/expires_at", "data.expires_at")],
};

const INTERACTION: EventSpec = EventSpec {
    thing: "interaction",
    values: &[
        ("/name", "data.name"),
        ("/action", "data.action"),
        ("/channel", "data.channel"),
        ("/description", "data.description"),
        ("/signal", "data.signal"),
        ("/namespace", "data.namespace"),
    ],
    numbers: &[],
    times: &[
        ("/created_at", event::field::OCCURRED_AT),
        ("/interacted_at", event::field::OCCURRED_AT),
    ],
};

const POINT: EventSpec = EventSpec {
    thing: "point",
    values: &[("/description", "data.description")],
    numbers: &[("/value", "data.value")],
    times: &[("/created_at", event::field::OCCURRED_AT)],
};

const RATING: EventSpec = EventSpec {
    thing: "rating",
    values: &[("/value", "data.value"), ("/comment", "data.comment")],
    numbers: &[],
    times: &[("/created_at", event::field::OCCURRED_AT)],
};

/// All types of event.
const EVENTS: [EventSpec; 7] = [TRANSACTION, ORDER, REWARD, BENEFIT, INTERACTION, POINT, RATING];

/// Ids for lookups. They are also shown.
const REFERENCES: [(&str, &str); 4] = [
    ("/order_number", "reference.order_number"),
    ("/order_number", "data.order_number"),
    ("/receipt_ref", "reference.receipt_ref"),
    ("/receipt_ref", "data.receipt_ref"),
];

impl EventSpec {
    /// The type with a name.
    pub(super) fn named(thing: &str) -> Option<&'static Self> {
        EVENTS.iter().find(|known| known.thing == thing)
    }

    /// The type of the events on a list.
    pub(super) const fn listed(events: OmneoEvents) -> &'static Self {
        match events {
            OmneoEvents::Benefits => &BENEFIT,
            OmneoEvents::Interactions => &INTERACTION,
            OmneoEvents::Rewards => &REWARD,
            OmneoEvents::Transactions => &TRANSACTION,
        }
    }

    /// Whether the API has a complete list of this type, so that deletions are found.
    pub(super) fn is_listed(&self) -> bool {
        OmneoEvents::ALL.iter().any(|events| events.one() == self.thing)
    }

    /// The key of an event.
    pub(super) fn key(&self, said: &Value) -> Result<EventKey, Unreadable> {
        let id = id_at(said, "/id").ok_or(Unreadable::Missing("usable id"))?;
        EventKey::new(Source::Omneo, self.thing, &id).ok_or(Unreadable::Missing("usable id"))
    }

    /// The deletion of an event.
    pub(super) fn deletion(
        &self,
        said: &Value,
        received_at: Timestamp,
    ) -> Result<Change, Unreadable> {
        Ok(Change::Event { key: self.key(said)?, update: profile::deletion(said, received_at) })
    }

    /// The changes of an event and of its profile, or a part of it. `owner` is the profile if the event does
    /// not name one.
    pub(super) fn changes(
        &self,
        by: &ProfileParser<'_>,
        said: &Value,
        owner: Option<&str>,
    ) -> Result<Vec<Change>, Unreadable> {
        if reports_deletion(said) {
            return Ok(vec![self.deletion(said, by.received_at)?]);
        }
        let key = self.key(said)?;
        let mut unread = Fields::new();
        let at = said_at(said, &["/updated_at", "/created_at"], &mut unread).stamp(by.received_at);
        let owner = id_at(said, "/profile_id")
            .or_else(|| id_at(said.get("profile").filter(|profile| profile.is_object())?, "/id"))
            .or_else(|| owner.map(str::to_owned));
        let profile = profile_beside(by, said, owner.as_deref(), at)?;
        let owner = owner.as_deref().map(profile::key).transpose()?;
        let fields = self.fields(said, owner).with(unread).finish();
        let update = Update { at, received_at: by.received_at, scope: Scope::Partial, fields };
        Ok(profile.into_iter().chain([Change::Event { key, update }]).collect())
    }

    fn fields<'a>(&self, said: &'a Value, owner: Option<RecordKey>) -> FieldExtractor<'a> {
        // Of the possible times of the event, the best one that is present counts. For other fields, null
        // clears.
        let (occurred, others): (Vec<_>, Vec<_>) =
            self.times.iter().copied().partition(|(_, field)| *field == event::field::OCCURRED_AT);
        FieldExtractor::new(said)
            .pick(self.values)
            .pick_text(&[("/url", event::field::URL)])
            .pick_number(self.numbers)
            .pick_currency(&[("/currency", "data.currency")])
            .pick_id(&REFERENCES)
            .pick_truth(&[("/is_void", "data.is_void")])
            .pick_known_time(&occurred)
            .pick_time(&others)
            .pick_owner(
                event::field::RECORD,
                &[
                    ("/profile_id", SourceKind::OmneoProfile),
                    ("/profile/id", SourceKind::OmneoProfile),
                ],
            )
            .set_known(event::field::RECORD, owner.map(|key| key.to_string()))
    }
}

/// The change of the event's own profile, if it is a part of the body.
fn profile_beside(
    by: &ProfileParser<'_>,
    said: &Value,
    owner: Option<&str>,
    at: Timestamp,
) -> Result<Option<Change>, Unreadable> {
    let profile = said.get("profile").filter(|profile| {
        profile.is_object()
            && owner.is_some()
            && id_at(profile, "/id").as_deref() == owner
            && !reports_deletion(profile)
    });
    profile.zip(owner).map(|(profile, owner)| by.said(profile, owner, at)).transpose()
}

/// The event of a profile that reached a tier. A tier has no id, so the profile and the tier form the key;
/// `None` if the tier has no handle.
pub(super) fn tier(
    by: &ProfileParser<'_>,
    owner: &str,
    handle: Option<&str>,
    achieved_at: Timestamp,
    name: FieldExtractor<'_>,
) -> Result<Option<Change>, Unreadable> {
    let key = handle.and_then(|handle| {
        EventKey::new(
            Source::Omneo,
            "tier",
            &format!("{owner}/{handle}/{}", achieved_at.as_second()),
        )
    });
    let Some(key) = key else { return Ok(None) };
    let fields = name
        .set(event::field::OCCURRED_AT, Some(Value::from(achieved_at.to_string())))
        .set(event::field::RECORD, Some(Value::from(profile::key(owner)?.to_string())))
        .finish();
    Ok(Some(Change::Event {
        key,
        update: Update {
            at: achieved_at,
            received_at: by.received_at,
            scope: Scope::Partial,
            fields,
        },
    }))
}
