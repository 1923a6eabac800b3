//! Messy values, from the webhook to the lookup: each finds the right person or nobody, and values that were left out
//! are reported.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::admin::explain::explain;
use hookpoint::customer::model::source::Source;
use hookpoint::storage::invalid_values::list_invalid_values;
use jiff::SignedDuration;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::inbox::{deliveries, work_off};
use crate::support::{KEY, TestApp, TestSettings, encode, now};
use crate::webhooks::webhook_requests::UnsignedWebhook;

#[path = "../../customer/messy_values/values.rs"]
mod values;
use values::{FIRSTS, Meaning, Messy};

const PEOPLE: usize = 90;

/// A person, as two of the systems write it.
struct Person {
    n: usize,
    id: String,
    email: Messy,
    phone: Messy,
    order: Messy,
    webhooks: Vec<UnsignedWebhook>,
}

fn people() -> Vec<Person> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    fn one<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
        strategy.new_tree(runner).unwrap().current()
    }
    let person = |n: usize| {
        let runner = &mut runner;
        let (email, phone, order) = (
            one(runner, &values::email(n)),
            one(runner, &values::phone(n)),
            one(runner, &values::order_number(n)),
        );
        // Everybody else has another first name, so that it joins nobody.
        let name = one(runner, &values::first_name(FIRSTS[n % FIRSTS.len()]));
        let time = one(
            runner,
            &values::time(now() - SignedDuration::from_secs(100_000 + i64::try_from(n).unwrap())),
        );
        let id = values::uuid(n);
        let webhooks = if n.is_multiple_of(2) {
            let about = |entity: &str, event: usize, data: Value| {
                let body = json!({"event_id": format!("{entity}-{event}"), "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity,
                    "action": "updated", "data": data});
                UnsignedWebhook::new(Source::OmnioTap, u32::try_from(n).unwrap(), body.to_string())
            };
            let contact = json!({"id": id.to_uppercase(), "firstName": name.sent, "email": email.sent, "phone": phone.sent, "updatedAt": time.sent});
            let ticket = json!({"id": format!("t-{n}"), "contactId": id, "number": order.sent, "updatedAt": time.sent});
            vec![about("contact", n, contact), about("ticket", n, ticket)]
        } else {
            let webhook = |event: &str, body: Value| {
                UnsignedWebhook::new(Source::Omneo, 0, body.to_string())
                    .with("x-omneo-event", event)
            };
            let profile = json!({"id": id.to_uppercase(), "first_name": name.sent, "email": email.sent, "mobile_phone": phone.sent, "updated_at": time.sent});
            let purchase = json!({"id": format!("p-{n}"), "profile_id": id, "order_number": order.sent, "transacted_at": time.sent, "updated_at": time.sent});
            vec![webhook("profile.updated", profile), webhook("transaction.updated", purchase)]
        };
        Person { n, id, email, phone, order, webhooks }
    };
    (1..=PEOPLE).map(person).collect()
}

/// Checks the customers that a lookup finds: the right one, or nobody.
async fn found(app: &TestApp, person: &Person, query: String, messy: &Messy) {
    let response = app.ask(&format!("key={KEY}&{query}")).await;
    assert_eq!(response.status, 200, "{}", messy.sent);
    let customers: Vec<Value> = serde_json::from_str(&response.body).unwrap();
    let ids: BTreeSet<&str> =
        customers.iter().map(|customer| customer["customerID"].as_str().unwrap()).collect();
    let right = BTreeSet::from([person.id.as_str()]);
    let expected = if messy.meaning == Meaning::Own { right } else { BTreeSet::new() };
    assert_eq!(ids, expected, "{} of {}", messy.sent, person.n);
}

#[tokio::test]
async fn messy_values_find_the_right_person_or_nobody_and_what_was_left_out_is_reported() {
    let app = TestApp::start_with(TestSettings::demo().without_inbox_workers()).await;
    let people = people();
    for webhook in people.iter().flat_map(|person| &person.webhooks) {
        let response = webhook.clone().signed().to(&app).await;
        assert_eq!(response.status, 202, "{}", response.head);
    }
    work_off(&app).await;
    app.wait_until_current().await;
    for person in &people {
        found(
            &app,
            person,
            format!("channelAddressType=phoneNumber&address={}", encode(&values::line(person.n))),
            &person.phone,
        )
        .await;
        found(
            &app,
            person,
            format!("channelAddressType=email&address={}", encode(&values::mailbox(person.n))),
            &person.email,
        )
        .await;
        found(&app, person, format!("primaryID={}", values::order(person.n)), &person.order).await;
        let own = Messy { sent: json!("id"), meaning: Meaning::Own };
        found(&app, person, format!("primaryID={}", person.id.to_uppercase()), &own).await;
    }
    // In each delivery's note, ...
    let rows = deliveries(&app).await;
    assert!(rows.iter().all(|row| row.state == "done"), "the rest of the webhook is applied");
    let mut reported: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.note.is_empty()) {
        let fields =
            row.note.strip_prefix("applied, but these values could not be parsed: ").unwrap();
        fields.split(", ").for_each(|field| {
            *reported.entry((row.source.clone(), field.to_owned())).or_default() += 1;
        });
    }
    let unclear = people.iter().filter(|person| person.phone.meaning == Meaning::Unclear).count();
    let phones: i64 = reported
        .iter()
        .filter(|((_, field), _)| field.starts_with("phone."))
        .map(|(_, count)| count)
        .sum();
    assert!(unclear > 5 && usize::try_from(phones).unwrap() == unclear, "{reported:?}");
    // ... counted for `inbox status`, ...
    let mut counted = BTreeMap::new();
    for source in Source::ALL {
        for row in list_invalid_values(app.pool(), app.brand.id(), source).await.unwrap() {
            counted.insert((source.as_str().to_owned(), row.field), row.count);
        }
    }
    assert_eq!(counted, reported);
    // ... in the metrics, ...
    let metrics = hookpoint::telemetry::metrics().render();
    for (source, field) in reported.keys() {
        let is_counted = metrics.lines().any(|line| {
            line.starts_with("hookpoint_invalid_values_total{")
                && line.contains(&format!("source=\"{source}\""))
                && line.contains(&format!("field=\"{field}\""))
        });
        assert!(is_counted, "{source} {field}");
    }
    // ... and in the explanation of a lookup.
    let person = people
        .iter()
        .find(|person| person.phone.meaning == Meaning::Unclear && person.phone.sent.is_string())
        .unwrap();
    let kind = if person.n.is_multiple_of(2) { "omniotap.contact" } else { "omneo.profile" };
    let explanation = explain(
        &mut app.pool().acquire().await.unwrap(),
        &app.brand,
        &format!("{kind}:{}", person.id),
    )
    .await
    .unwrap()
    .unwrap();
    let unread: Vec<&String> = explanation.unread.values().flat_map(BTreeMap::values).collect();
    assert!(
        unread.iter().any(|value| person.phone.sent.as_str().unwrap().contains(value.as_str())),
        "{unread:?}"
    );
    app.stop().await;
}
