//! Values of all four systems as the real world writes them. A value that cannot be parsed is left out and never
//! becomes another value. A placeholder counts as empty.

mod values;

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::model::event::Event;
use hookpoint::customer::model::field_versions::{FieldVersions, UNCLEAR_AT, Update};
use hookpoint::customer::model::identifier::{IdentifierKind, identifiers_of};
use hookpoint::customer::model::name::PersonName;
use hookpoint::customer::model::phone::Region;
use hookpoint::customer::model::record::{Change, Record, RecordKey};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::customer::model::unread::{unread_fields, unread_values};
use hookpoint::sources::api::{ApiRequest, Reply};
use hookpoint::sources::syncaroo::SyncarooRequest;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use values::{FIRSTS, Meaning, Messy};

fn received_at() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// A person, as one system writes it.
#[derive(Debug, Clone)]
struct Person {
    n: usize,
    source: Source,
    first: &'static str,
    said_at: Timestamp,
    id: Messy,
    name: Messy,
    email: Messy,
    phone: Messy,
    order: Messy,
    time: Messy,
}

fn person() -> impl Strategy<Value = Person> {
    let source = proptest::sample::select(&Source::ALL[..]);
    (0..5_000_usize, source, 0..FIRSTS.len(), 100..20_000_000_i64).prop_flat_map(
        |(n, source, first, ago)| {
            let (first, said_at) = (FIRSTS[first], received_at() - SignedDuration::from_secs(ago));
            // Midnight exactly means a day without a time.
            let said_at = if said_at.as_second() % 86_400 == 0 {
                said_at + SignedDuration::from_secs(1)
            } else {
                said_at
            };
            let parts = (
                values::record_id(n),
                values::first_name(first),
                values::email(n),
                values::phone(n),
                values::order_number(n),
                values::time(said_at),
            );
            parts.prop_map(move |(id, name, email, phone, order, time)| Person {
                n,
                source,
                first,
                said_at,
                id,
                name,
                email,
                phone,
                order,
                time,
            })
        },
    )
}

impl Person {
    /// The deliveries about the person.
    fn deliveries(&self) -> Vec<Delivery> {
        let [id, name, email, phone, order, time] =
            [&self.id, &self.name, &self.email, &self.phone, &self.order, &self.time]
                .map(|messy| &messy.sent);
        let delivery = |headers: &[(&str, &str)], body: Value| Delivery {
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_string().into_bytes(),
            received_at: received_at(),
        };
        match self.source {
            Source::OmnioTap => {
                let about = |entity: &str, data: Value| json!({"event_id": "e", "entity_type": entity, "action": "updated", "data": data});
                let ticket = json!({"id": values::uuid(self.n), "contactId": id, "number": order, "updatedAt": time});
                let contact = json!({"id": id, "firstName": name, "email": email, "phone": phone, "updatedAt": time});
                vec![
                    delivery(&[], about("contact", contact)),
                    delivery(&[], about("ticket", ticket)),
                ]
            }
            Source::Omneo => {
                let profile = json!({"id": id, "first_name": name, "email": email, "mobile_phone": phone, "updated_at": time});
                let purchase = json!({"id": values::uuid(self.n), "profile_id": id, "order_number": order, "transacted_at": time, "updated_at": time});
                vec![
                    delivery(&[("x-omneo-event", "profile.updated")], profile),
                    delivery(&[("x-omneo-event", "transaction.updated")], purchase),
                ]
            }
            Source::OmniLab => {
                let data =
                    json!({"external_id": id, "first_name": name, "email": email, "phone": phone});
                vec![delivery(
                    &[("webhook-id", "msg_1")],
                    json!({"type": "feedback.submitted.v1", "timestamp": time, "data": data}),
                )]
            }
            Source::Syncaroo => {
                let member = json!({"id": id, "firstName": name, "email": email, "phone": phone});
                vec![delivery(&[], json!({"updatedAt": time, "member": member}))]
            }
        }
    }

    /// The request, if the deliveries are API responses: Syncaroo's webhooks contain nobody.
    fn request(&self) -> Option<ApiRequest> {
        (self.source == Source::Syncaroo).then(|| {
            let (id, url) = ("61c18cf515e22a061cf589b1", "https://app.syncaroo.com/b/1");
            SyncarooRequest::Booking { id: id.to_owned(), url: url.to_owned() }.into()
        })
    }

    fn kind(&self) -> SourceKind {
        match self.source {
            Source::OmnioTap => SourceKind::OmnioTapContact,
            Source::Omneo => SourceKind::OmneoProfile,
            Source::OmniLab => SourceKind::OmniLabParticipant,
            Source::Syncaroo => SourceKind::SyncarooMember,
        }
    }

    fn key(&self) -> RecordKey {
        RecordKey::new(self.kind(), &values::uuid(self.n)).unwrap()
    }

    /// All changes in the deliveries. A delivery that cannot be parsed contains none.
    fn changes(&self) -> Vec<Change> {
        let settings = SourceSettings::default();
        let read = |delivery: &Delivery| match self.request() {
            Some(ask) => {
                let body = hookpoint::sources::json(&delivery.body).unwrap();
                let received_at = delivery.received_at;
                let reply = Reply { body, is_missing: false, received_at };
                let parsed = settings.api(self.source).read(&ask, &reply)?;
                Ok(ParsedWebhook::Changes(parsed.changes))
            }
            None => settings.parser(self.source).parse_webhook(delivery),
        };
        let readings = self.deliveries();
        readings
            .iter()
            .filter_map(|delivery| {
                if let Ok(ParsedWebhook::Changes(changes)) = read(delivery) {
                    Some(changes)
                } else {
                    None
                }
            })
            .flatten()
            .collect()
    }
}

fn region() -> Option<Region> {
    "NL".parse().ok()
}

/// A value with a meaning is stored, and no other value is. Placeholders and unclear values are not stored. Unclear
/// values are reported.
fn judge_addresses(
    messy: &Messy,
    found: &BTreeSet<String>,
    own: &[String; 2],
    field: &str,
    reported: &BTreeSet<String>,
) {
    let (sent, is_reported) = (&messy.sent, reported.contains(field));
    assert!(
        found.iter().all(|value| own.contains(value)),
        "another person's value: {sent} became {found:?}"
    );
    match messy.meaning {
        Meaning::Own => {
            assert!(found.contains(&own[0]) && !is_reported, "{sent} was not parsed: {found:?}");
        }
        Meaning::Nothing => {
            assert!(found.is_empty() && !is_reported, "{sent} is a placeholder, not {found:?}");
        }
        Meaning::Unclear => assert!(
            found.is_empty() && is_reported,
            "{sent} is unclear, and became {found:?}; reported: {reported:?}"
        ),
    }
}

fn judge_record(person: &Person, key: &RecordKey, update: &Update) {
    assert_eq!(*key, person.key(), "another record: {}", person.id.sent);
    let record = Record { key: key.clone(), versions: FieldVersions::from(update.clone()) };
    let reported = unread_fields(update, region());
    let identifiers = identifiers_of(&record, region());
    let of = |kind| {
        identifiers
            .values
            .iter()
            .filter(|value| value.kind == kind)
            .map(|value| value.value.clone())
            .collect::<BTreeSet<_>>()
    };
    let n = person.n;
    let phone = if person.source == Source::Omneo { "phone.mobile" } else { "phone.main" };
    judge_addresses(
        &person.phone,
        &of(IdentifierKind::Phone),
        &[values::line(n), values::second_line(n)],
        phone,
        &reported,
    );
    judge_addresses(
        &person.email,
        &of(IdentifierKind::Email),
        &[values::mailbox(n), values::second_mailbox(n)],
        "email.main",
        &reported,
    );
    let (name, own) = (record.name().folded(), PersonName::new(Some(person.first), None).folded());
    match person.name.meaning {
        Meaning::Own => assert_eq!(name.key(), own.key(), "{}", person.name.sent),
        Meaning::Nothing => assert_eq!(name.key(), "", "{}", person.name.sent),
        Meaning::Unclear => {
            assert!(
                name.key().is_empty() && reported.contains("name.first"),
                "{}",
                person.name.sent
            );
        }
    }
    // Values that are reported on arrival can be found later by an admin.
    let kept: BTreeSet<String> = unread_values(&record.versions, region()).into_keys().collect();
    assert_eq!(kept, reported);
}

fn judge_event(person: &Person, event: &Event, update: &Update) {
    let reported = unread_fields(update, region());
    let record = event.record();
    match person.id.meaning {
        Meaning::Own => assert_eq!(record, Some(person.key()), "{}", person.id.sent),
        Meaning::Nothing | Meaning::Unclear => {
            assert_eq!(record, None, "{} is nobody", person.id.sent);
        }
    }
    let numbers: Vec<String> = event.references().map(|(_, number)| number).collect();
    let has_number = matches!(person.source, Source::OmnioTap | Source::Omneo)
        && person.order.meaning == Meaning::Own;
    assert_eq!(
        numbers,
        if has_number { vec![values::order(person.n)] } else { Vec::new() },
        "{}",
        person.order.sent
    );
    assert_eq!(
        reported.contains("record"),
        person.id.meaning == Meaning::Unclear && person.source != Source::Syncaroo,
        "{}",
        person.id.sent
    );
    let is_reported = reported.iter().any(|field| field.starts_with("reference."));
    assert!(
        person.order.meaning != Meaning::Unclear
            || is_reported
            || !matches!(person.source, Source::OmnioTap | Source::Omneo),
        "{}",
        person.order.sent
    );
    if person.source != Source::Syncaroo {
        let expected = match person.time.meaning {
            Meaning::Own => person.said_at,
            Meaning::Nothing => received_at(),
            Meaning::Unclear => UNCLEAR_AT,
        };
        assert_eq!(
            event.is_undated(),
            person.time.meaning == Meaning::Unclear,
            "{}",
            person.time.sent
        );
        assert_eq!(event.occurred_at(), expected, "{}", person.time.sent);
    }
}

/// The time of an update is its timestamp, but never after its receipt. Without a timestamp, it is the time of receipt.
/// If the timestamp cannot be parsed, or is a placeholder date, the update is older than all others.
fn check_time(person: &Person, update: &Update, reported: &BTreeSet<String>) {
    let is_time = |field: &String| {
        field.ends_with("_at") || field.ends_with("updatedAt") || field.ends_with("timestamp")
    };
    match person.time.meaning {
        Meaning::Own => assert_eq!(update.at, person.said_at, "{}", person.time.sent),
        Meaning::Nothing
            if person.time.sent.as_str().is_none_or(str::is_empty)
                && person.time.sent != json!(0) =>
        {
            assert_eq!(update.at, received_at(), "{}", person.time.sent);
        }
        Meaning::Nothing => assert_eq!(update.at, UNCLEAR_AT, "{}", person.time.sent),
        Meaning::Unclear => {
            assert_eq!(update.at, UNCLEAR_AT, "{}", person.time.sent);
            assert!(
                reported.iter().any(is_time),
                "{} is not reported: {reported:?}",
                person.time.sent
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn a_messy_value_is_the_right_persons_or_nobodys_and_what_is_left_out_is_reported(person in person()) {
        let mut told_of_time = BTreeSet::new();
        let mut updates: Vec<Update> = Vec::new();
        let mut records: BTreeMap<RecordKey, usize> = BTreeMap::new();
        for change in person.changes() {
            match change {
                Change::Record { key, update } => {
                    judge_record(&person, &key, &update);
                    *records.entry(key).or_default() += 1;
                    told_of_time.extend(unread_fields(&update, region()));
                    updates.push(update);
                }
                Change::Event { key, update } => {
                    let event = Event { key, versions: FieldVersions::from(update.clone()) };
                    judge_event(&person, &event, &update);
                    told_of_time.extend(unread_fields(&update, region()));
                    updates.push(update);
                }
                Change::Merge(_) => panic!("nobody was merged"),
            }
        }
        updates.iter().for_each(|update| check_time(&person, update, &told_of_time));
        prop_assert_eq!(records.len(), usize::from(person.id.meaning == Meaning::Own));
    }
}
