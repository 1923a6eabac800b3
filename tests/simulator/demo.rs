//! The demo's data: the state of the systems after the recorded deliveries, and the background activity.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::background_activity::{BackgroundActivity, newcomer};
use hookpoint::demo::recorded_deliveries::{BUSY_PURCHASES, dead_letters};
use hookpoint::demo::seed::seed_simulators;
use hookpoint::demo::simulators::{ObjectKind, SimulatedData};
use hookpoint::demo::webhook_signer::Secrets;
use serde_json::Value;

use crate::support::now;

const THINGS: [ObjectKind; 17] = [
    ObjectKind::Contact,
    ObjectKind::Customer,
    ObjectKind::Lead,
    ObjectKind::Opportunity,
    ObjectKind::Ticket,
    ObjectKind::Profile,
    ObjectKind::Identity,
    ObjectKind::Transaction,
    ObjectKind::Order,
    ObjectKind::Reward,
    ObjectKind::Benefit,
    ObjectKind::Interaction,
    ObjectKind::Point,
    ObjectKind::Appointment,
    ObjectKind::Location,
    ObjectKind::Resource,
    ObjectKind::Booking,
];

fn simulated_data() -> Arc<SimulatedData> {
    Arc::new(SimulatedData::new(Clock::frozen(now())))
}

#[test]
fn the_data_is_as_the_recorded_webhooks_left_it() {
    let data = simulated_data();
    let to_send = seed_simulators(&data).unwrap();
    let is_there = |kind, id| data.get(kind, id).is_some();
    let profile = data.get(ObjectKind::Profile, "679964aa-c748-484d-89d9-5c968ab3f6c0").unwrap();
    assert_eq!(
        (
            &profile["point_balance"],
            &profile["tier_handle"],
            &profile["aggregations"]["shop_count"]
        ),
        (&842.into(), &"gold".into(), &26.into())
    );
    assert!(
        !is_there(ObjectKind::Profile, "ada6f79b-e3b8-4a18-b30a-119e5696ef56"),
        "it was merged into another"
    );
    assert_eq!(
        data.get(ObjectKind::Transaction, "7000203").unwrap()["profile_id"],
        "6d37b08e-e773-48a9-80e9-9ebd405ae196"
    );
    assert!(
        !is_there(ObjectKind::Contact, "aa9870f2-ca60-4191-accb-a19eb54a9c30"),
        "it was deleted"
    );
    assert!(
        is_there(ObjectKind::Contact, "420c546c-71ea-400d-bed5-050ab0b95a7c"),
        "it was deleted, and came back"
    );
    assert_eq!(
        data.get(ObjectKind::Ticket, "d9911068-a39c-42d4-b6a9-bcfc23505b98").unwrap()["status"],
        "solved"
    );
    assert_eq!(
        data.get(ObjectKind::Appointment, "bk_f4zeAhMtpNUF7q").unwrap()["booking_status"],
        "CHECKED_IN"
    );
    let cancelled = data
        .all(ObjectKind::Booking)
        .into_iter()
        .find(|booking| booking["id"].as_str().unwrap().starts_with("e6391c14"))
        .unwrap();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(data.count(ObjectKind::Transaction), usize::try_from(BUSY_PURCHASES).unwrap() + 26);
    // Data that an API returns is not sent, and all other data is.
    let sent = |source, what: &str| {
        to_send
            .iter()
            .filter(|(from, recorded)| *from == source && recorded.body.to_string().contains(what))
            .count()
    };
    assert_eq!(sent(Source::OmnioTap, "\"ticket\""), 0);
    assert_eq!(
        sent(Source::OmnioTap, "aa9870f2-ca60-4191-accb-a19eb54a9c30"),
        2,
        "made and deleted"
    );
    assert_eq!(sent(Source::Omneo, "\"source_profile_id\""), 1);
    assert!(sent(Source::OmniLab, "touchpoint") > 10 && sent(Source::Syncaroo, "bookings") > 10);
    assert!(
        to_send.len() < 130 && to_send.iter().all(|(_, recorded)| !recorded.is_answer()),
        "{}",
        to_send.len()
    );
}

/// Every object of the data, as text.
fn everything(data: &SimulatedData) -> BTreeMap<(ObjectKind, String), Value> {
    THINGS
        .into_iter()
        .flat_map(|kind| {
            data.all(kind)
                .into_iter()
                .map(move |object| ((kind, kind.id_of(&object).unwrap()), object))
        })
        .collect()
}

#[test]
fn background_activity_continues_and_the_people_of_the_examples_do_not_change() {
    let data = simulated_data();
    seed_simulators(&data).unwrap();
    newcomer::arrive(&data);
    let before = everything(&data);
    let mut activity = BackgroundActivity::new(Arc::clone(&data));
    (0..1_000).for_each(|_| activity.create_next());
    let after = everything(&data);
    for kind in
        [ObjectKind::Transaction, ObjectKind::Ticket, ObjectKind::Appointment, ObjectKind::Booking]
    {
        let count = |all: &BTreeMap<(ObjectKind, String), Value>| {
            all.keys().filter(|(found, _)| *found == kind).count()
        };
        assert!(count(&after) >= count(&before) + 190, "{kind:?}");
    }
    assert!(
        data.all(ObjectKind::Ticket).iter().filter(|ticket| ticket["status"] == "solved").count()
            > 190
    );
    // None of the new or changed objects is about them.
    let (contact, profile) =
        ("a04a5ac2-0d32-4634-8ade-eba7e064d7a0", "679964aa-c748-484d-89d9-5c968ab3f6c0");
    for (key, object) in after.iter().filter(|(key, object)| before.get(*key) != Some(object)) {
        let text = object.to_string();
        for still in [
            "thomas@example.org",
            "nova@example.org",
            "12312311",
            contact,
            profile,
            "CONTACT-1001",
            "mbr_e7f811b7e5c30412",
        ] {
            assert!(!text.contains(still), "{:?}", key.0);
        }
    }
}

#[test]
fn the_dead_letters_of_the_story_cannot_be_applied_for_two_reasons() {
    let text = format!(
        "{}\n[brands.demo.sources.syncaroo]\nconnection_id = 555\n",
        hookpoint::demo::SETTINGS
    );
    let settings = hookpoint::demo::settings(&text, &Secrets::known()).unwrap();
    let sources = &settings.brands[0].sources;
    let reason = |(source, recorded): &(Source, hookpoint::demo::recorded_deliveries::Recorded)| {
        recorded.read(*source, sources).err().unwrap().to_string()
    };
    let mut reasons: Vec<String> = dead_letters().unwrap().iter().map(reason).collect();
    assert_eq!(reasons.len(), 3);
    reasons.sort();
    reasons.dedup();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}
