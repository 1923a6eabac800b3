//! Known real-world problems of other systems: from the webhook to the agent's view.

use hookpoint::admin::explain::explain;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::ingest::apply::{apply, apply_changes_of_reply};
use hookpoint::storage::webhook_stats::get_webhook_stats;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use super::inbox::{deliveries, work_off};
use super::support::{TestApp, TestSettings, logs, now, secret_of, until};
use super::webhooks::sent::Letter;

/// An application that receives webhooks. The test applies them.
async fn receiver() -> TestApp {
    receiver_with(TestSettings::demo()).await
}

async fn receiver_with(settings: TestSettings) -> TestApp {
    TestApp::start_with(settings.without_inbox_workers()).await
}

/// Sends a webhook, a second after the last one, and applies it.
async fn deliver(app: &TestApp, letter: Letter) {
    app.clock.set(app.clock.now() + 1.second());
    let secret = secret_of(letter.source);
    let response = letter.signed_with(&secret, app.clock.now()).to(app).await;
    assert_eq!(response.status, 202, "{} {}", response.head, response.body);
    work_off(app).await;
}

async fn omneo(app: &TestApp, event: &str, body: Value) {
    deliver(app, Letter::new(Source::Omneo, 0, body.to_string()).with("x-omneo-event", event))
        .await;
}

/// A webhook of the CRM. `envelope` has the fields that differ from the usual ones.
async fn omniotap(app: &TestApp, entity: &str, action: &str, envelope: Value, data: Value) {
    let mut body = json!({"tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity, "action": action, "data": data});
    body.as_object_mut().unwrap().extend(envelope.as_object().unwrap().clone());
    deliver(app, Letter::new(Source::OmnioTap, 0, body.to_string())).await;
}

/// The only customer of an address or id, looked up with this query.
async fn customer(app: &TestApp, query: &str) -> Option<Value> {
    app.wait_until_current().await;
    let mut customers = app.customers(query).await;
    assert!(customers.len() < 2, "{query}: {customers:?}");
    customers.pop()
}

fn custom_field(customer: &Value, name: &str) -> Option<String> {
    let fields = customer["customFields"].as_array().unwrap();
    fields.iter().find_map(|field| field.get(name)).and_then(Value::as_str).map(str::to_owned)
}

fn ago(days: i64) -> String {
    (now() - SignedDuration::from_hours(24 * days)).to_string()
}

#[tokio::test]
async fn a_deletion_takes_away_what_was_said_before_it_without_a_time() {
    for order in [[0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        let app = receiver().await;
        for step in order {
            match step {
                0 => {
                    omneo(&app, "profile.created", json!({"id": "p-1", "first_name": "Anna", "email": "anna@example.org", "updated_at": ago(7)}))
                        .await;
                }
                1 => {
                    omneo(
                        &app,
                        "balance.updated",
                        json!({"profile_id": "p-1", "point_balance": 500}),
                    )
                    .await;
                }
                _ => {
                    omneo(
                        &app,
                        "profile.deleted",
                        json!({"id": "p-1", "profile_type": "deleted", "updated_at": ago(7)}),
                    )
                    .await;
                }
            }
        }
        assert_eq!(customer(&app, "primaryID=p-1").await, None, "{order:?}");
        assert_eq!(
            customer(&app, "channelAddressType=email&address=anna%40example.org").await,
            None,
            "{order:?}"
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn a_deletion_that_is_heard_of_after_words_without_a_time_is_a_deletion_of_them() {
    let app = receiver().await;
    for (n, deletion) in [
        json!({"occurred_at": ago(2)}),
        json!({}),
        json!({"occurred_at": "0000-00-00 00:00:00"}),
        json!({"occurred_at": "soon"}),
    ]
    .iter()
    .enumerate()
    {
        let (id, email) = (format!("c-{n}"), format!("c{n}@example.org"));
        let data = json!({"id": id, "firstName": "Anna", "email": email, "updatedAt": ago(7)});
        omniotap(
            &app,
            "contact",
            "created",
            json!({"event_id": format!("a{n}"), "occurred_at": ago(7)}),
            data,
        )
        .await;
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("b{n}")}),
            json!({"id": id, "lastName": "Bakker", "email": email}),
        )
        .await;
        assert!(customer(&app, &format!("primaryID={id}")).await.is_some());
        omniotap(
            &app,
            "contact",
            "deleted",
            json!({"event_id": format!("c{n}"), "occurred_at": deletion["occurred_at"]}),
            json!({"id": id}),
        )
        .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{deletion}");
        assert_eq!(
            customer(&app, &format!("channelAddressType=email&address=c{n}%40example.org")).await,
            None,
            "{deletion}"
        );
    }
    // The same for events.
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-9", "first_name": "Anna", "email": "p9@example.org", "updated_at": ago(7)}),
    )
    .await;
    omneo(
        &app,
        "reward.created",
        json!({"id": "r-9", "profile_id": "p-9", "issued_at": ago(6), "updated_at": ago(6)}),
    )
    .await;
    omneo(&app, "reward.updated", json!({"id": "r-9", "profile_id": "p-9", "value_remaining": 4}))
        .await;
    assert_eq!(
        customer(&app, "primaryID=p-9").await.unwrap()["timeline"].as_array().unwrap().len(),
        1
    );
    omneo(&app, "reward.deleted", json!({"id": "r-9", "deleted_at": ago(5), "updated_at": ago(6)}))
        .await;
    assert_eq!(customer(&app, "primaryID=p-9").await.unwrap()["timeline"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn who_is_restored_at_the_source_is_there_again_in_any_order() {
    let steps = |id: &str| {
        let data = json!({"id": id, "firstName": "Anna", "email": format!("{id}@example.org"), "updatedAt": ago(7)});
        [
            (
                "created",
                json!({"event_id": format!("{id}-1"), "occurred_at": ago(7)}),
                data.clone(),
            ),
            (
                "deleted",
                json!({"event_id": format!("{id}-2"), "occurred_at": ago(3)}),
                json!({"id": id}),
            ),
            ("updated", json!({"event_id": format!("{id}-3"), "occurred_at": ago(1)}), data),
        ]
    };
    let app = receiver().await;
    for (n, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]].iter().enumerate() {
        let id = format!("c-{n}");
        for step in order {
            let (action, envelope, data) = steps(&id)[*step].clone();
            omniotap(&app, "contact", action, envelope, data).await;
        }
        let found =
            customer(&app, &format!("channelAddressType=email&address={id}%40example.org")).await;
        assert_eq!(
            found.map(|found| found["customerFirstname"].clone()),
            Some(json!("Anna")),
            "{order:?}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_word_that_may_be_either_part_is_no_first_name_beside_one_that_is_known() {
    let app = receiver().await;
    for (id, last, full) in
        [("a", "Jansen", "Jansen"), ("b", "Jansen", "Jansen Piet"), ("c", "O'Neil", "O'Neil Piet")]
    {
        let email = format!("piet.jansen{id}@example.org");
        let data = json!({"id": id, "firstName": "Piet", "lastName": last, "email": email, "updatedAt": ago(7)});
        omniotap(&app, "contact", "created", json!({"event_id": id, "occurred_at": ago(7)}), data)
            .await;
        omneo(&app, "profile.updated", json!({"id": format!("p-{id}"), "full_name": full, "email": email, "updated_at": ago(1)})).await;
        let found = customer(
            &app,
            &format!("channelAddressType=email&address=piet.jansen{id}%40example.org"),
        )
        .await
        .unwrap();
        assert_eq!(
            (&found["customerFirstname"], &found["customerLastname"]),
            (&json!("Piet"), &json!(last)),
            "{full}"
        );
    }
    // If no part of the name is certain, a guessed part is better than none.
    omneo(&app, "profile.updated", json!({"id": "p-d", "full_name": "Anna Smit", "email": "anna@example.org", "updated_at": ago(1)})).await;
    let found =
        customer(&app, "channelAddressType=email&address=anna%40example.org").await.unwrap();
    assert_eq!(
        (&found["customerFirstname"], &found["customerLastname"]),
        (&json!("Anna"), &json!("Smit"))
    );
    app.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_ahead_wins_nothing() {
    let app = receiver().await;
    let minute = (now() + 60.seconds()).to_string();
    for (n, ahead) in
        ["2062-01-01T00:00:00Z", &minute, "2199-12-31T23:59:59Z"].into_iter().enumerate()
    {
        let id = format!("c-{n}");
        let data = |name: &str, at: &str| json!({"id": id, "firstName": name, "email": format!("{id}@example.org"), "updatedAt": at});
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("{n}-1")}),
            data("Ahead", ahead),
        )
        .await;
        app.clock.set(app.clock.now() + 30.seconds());
        let at = (app.clock.now() - 1.second()).to_string();
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("{n}-2")}),
            data("Today", &at),
        )
        .await;
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["customerFirstname"],
            "Today",
            "{ahead}"
        );
        let at = app.clock.now().to_string();
        omniotap(
            &app,
            "contact",
            "deleted",
            json!({"event_id": format!("{n}-3"), "occurred_at": at}),
            json!({"id": id}),
        )
        .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{ahead}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_stored_with_a_time_in_the_future_is_repaired_by_the_next_answer_of_the_source() {
    let app = receiver().await;
    let key = hookpoint::customer::model::record::RecordKey::new(
        hookpoint::customer::model::source::SourceKind::OmnioTapContact,
        "c-1",
    )
    .unwrap();
    let said = |name: &str, at: Timestamp, received_at: Timestamp| {
        let fields = [("name.first", name), ("email.main", "c1@example.org")]
            .map(|(field, value)| (field.to_owned(), Some(json!(value))));
        Change::Record {
            key: key.clone(),
            update: Update { at, received_at, scope: Scope::Whole, fields: fields.into() },
        }
    };
    let future: Timestamp = "2062-01-01T00:00:00Z".parse().unwrap();
    // As stored by older versions, without the limit of the receipt.
    apply(app.pool(), &app.brand, vec![said("Frozen", future, future)]).await.unwrap();
    apply(app.pool(), &app.brand, vec![said("Webhook", now(), now())]).await.unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Frozen");
    apply_changes_of_reply(
        app.pool(),
        &app.brand,
        vec![said("Repaired", now(), now())],
        now() + 1.hour(),
    )
    .await
    .unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Repaired");
    let after = now() + 5.seconds();
    apply(app.pool(), &app.brand, vec![said("Webhook", after, after)]).await.unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Webhook");
    app.stop().await;
}

#[tokio::test]
async fn of_two_words_of_one_second_the_later_one_counts() {
    let app = receiver().await;
    let at = "2026-11-20 10:00:00";
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": at, "point_balance": 1}),
    )
    .await;
    for points in ["9", "10", "8"] {
        omneo(&app, "balance.updated", json!({"profile_id": "p-1", "point_balance": points.parse::<i64>().unwrap(), "updated_at": at})).await;
        assert_eq!(
            custom_field(&customer(&app, "primaryID=p-1").await.unwrap(), "points").as_deref(),
            Some(points)
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn placeholders_of_ids_tell_no_two_deliveries_alike() {
    let app = receiver().await;
    let placeholders = [
        json!("00000000-0000-0000-0000-000000000000"),
        json!("null"),
        json!(0),
        json!("0"),
        json!("undefined"),
        json!(""),
        json!(null),
    ];
    for (n, id) in placeholders.iter().enumerate() {
        let data = json!({"id": format!("c-{n}"), "firstName": "Anna", "email": format!("c{n}@example.org"), "updatedAt": ago(1)});
        omniotap(&app, "contact", "created", json!({"event_id": id}), data.clone()).await;
        // The same content again is the same delivery.
        omniotap(&app, "contact", "created", json!({"event_id": id}), data).await;
        assert!(customer(&app, &format!("primaryID=c-{n}")).await.is_some(), "{id}");
    }
    for (n, id) in
        ["null", "0", "undefined", "00000000-0000-0000-0000-000000000000"].into_iter().enumerate()
    {
        let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": {"external_id": format!("x-{n}"), "comment": format!("{n}")}});
        deliver(&app, Letter::new(Source::OmniLab, 0, body.to_string()).with("webhook-id", id))
            .await;
        let found = customer(&app, &format!("primaryID=x-{n}")).await.unwrap();
        assert_eq!(found["timeline"][0]["message"], format!("Feedback: {n}"), "{id}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_several_people_seem_to_have_is_nobodys() {
    let app = receiver().await;
    for (n, id) in ["undefined", "null", "0", "n/a", "00000000-0000-0000-0000-000000000000"]
        .into_iter()
        .enumerate()
    {
        let data = json!({"external_id": id, "email": format!("x{n}@example.org"), "first_name": "Anna", "comment": "mine"});
        let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": data});
        deliver(&app, Letter::new(Source::OmniLab, u32::try_from(n).unwrap(), body.to_string()))
            .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None);
        let data = json!({"id": format!("t-{n}"), "customerId": id, "contactId": "c-1", "subject": format!("{n}"), "updatedAt": ago(1)});
        omniotap(&app, "ticket", "created", json!({"event_id": format!("t{n}")}), data).await;
    }
    omniotap(
        &app,
        "contact",
        "created",
        json!({"event_id": "c"}),
        json!({"id": "c-1", "firstName": "Anna", "updatedAt": ago(1)}),
    )
    .await;
    let found = customer(&app, "primaryID=c-1").await.unwrap();
    assert_eq!(found["timeline"].as_array().unwrap().len(), 5, "the other fields");
    assert!(deliveries(&app).await.iter().all(|row| row.state == "done"));
    app.stop().await;
}

#[tokio::test]
async fn a_country_is_the_numbers_own_or_the_number_is_nothing() {
    let app = receiver().await;
    for (n, (country, found)) in [
        (json!("BEL"), Some("+32475120001")),
        (json!("be"), Some("+32475120002")),
        (json!("Belgium"), Some("+32475120003")),
        (json!("België"), Some("+32475120004")),
        (json!("32"), Some("+32475120005")),
        (json!("+32"), Some("+32475120006")),
        (json!("056"), Some("+32475120007")),
        (json!("nl-BE"), Some("+32475120008")),
        (json!("Narnia"), None),
        (json!("XX"), None),
        (json!("Europe"), None),
        (json!("ÑL"), None),
        (json!(true), None),
        (json!(["BE"]), Some("+32475120014")),
        (json!({"iso2": "BE"}), None),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, number) = (format!("p-{n}"), format!("0475 12 00 {:02}", n + 1));
        omneo(
            &app,
            "profile.created",
            json!({"id": id, "first_name": "Anna", "mobile_phone": number, "mobile_phone_country": country, "updated_at": ago(1)}),
        )
        .await;
        let phones: Vec<Value> =
            customer(&app, &format!("primaryID={id}")).await.unwrap()["addresses"]
                .as_array()
                .unwrap()
                .clone();
        let expected: Vec<Value> = found
            .into_iter()
            .map(|number| json!({"address": number, "type": "telephone"}))
            .collect();
        assert_eq!(phones, expected, "{country}");
    }
    // The digits of a national number are a number of another country: `612349980` would be Australian.
    let numbers = json!({"id": "p-91", "mobile_phone": "0612349980", "mobile_phone_e164": "612349980", "updated_at": ago(1)});
    omneo(&app, "profile.created", numbers).await;
    assert_eq!(
        customer(&app, "primaryID=p-91").await.unwrap()["addresses"],
        json!([{"address": "+31612349980", "type": "telephone"}])
    );
    // The country also applies to the other number.
    let body = json!({"id": "p-90", "first_name": "Anna", "secondary_phone": "020 7946 0018", "mobile_phone_country": "UK", "updated_at": ago(1)});
    omneo(&app, "profile.created", body).await;
    assert!(
        customer(&app, "channelAddressType=phoneNumber&address=%2B442079460018").await.is_some()
    );
    app.stop().await;
}

#[tokio::test]
async fn numbers_are_shown_and_found_in_the_digits_that_they_were_sent_in() {
    let settings = TestSettings::demo().custom_field("points", "{{ omneo.points }}");
    let app = receiver_with(settings).await;
    for (n, points) in
        ["9007199254740993", "89314404000123456701", "89314404000123456702", "1e400", "12.5"]
            .into_iter()
            .enumerate()
    {
        let body = format!(
            "{{\"id\": \"p-{n}\", \"first_name\": \"Anna\", \"point_balance\": {points}, \"updated_at\": \"{}\"}}",
            ago(1)
        );
        deliver(&app, Letter::new(Source::Omneo, 0, body).with("x-omneo-event", "profile.created"))
            .await;
        assert_eq!(
            custom_field(&customer(&app, &format!("primaryID=p-{n}")).await.unwrap(), "points")
                .as_deref(),
            Some(points)
        );
    }
    for (id, asked) in [
        ("89314404000123456701", "89314404000123456701"),
        ("770002.0", "770002"),
        ("89314404000123456702", "89314404000123456702"),
    ] {
        let body = format!(
            "{{\"id\": {id}, \"first_name\": \"N{asked}\", \"updated_at\": \"{}\"}}",
            ago(1)
        );
        deliver(&app, Letter::new(Source::Omneo, 0, body).with("x-omneo-event", "profile.created"))
            .await;
        assert_eq!(
            customer(&app, &format!("primaryID={asked}")).await.unwrap()["customerFirstname"],
            format!("N{asked}")
        );
    }
    let purchase = json!({"id": 5, "profile_id": 770_002, "order_number": 100_698_768.0, "transacted_at": ago(1), "updated_at": ago(1)});
    omneo(&app, "transaction.created", purchase).await;
    for asked in ["100698768", "100698768.0"] {
        assert_eq!(
            customer(&app, &format!("primaryID={asked}")).await.unwrap()["customerID"],
            "770002",
            "{asked}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_day_is_the_same_day_in_fields_messages_and_events() {
    let settings =
        TestSettings::demo().brand(|brand| "America/New_York".clone_into(&mut brand.time_zone));
    let app = receiver_with(settings).await;
    for (n, since) in ["2023-01-15", "2023-01-15 00:00:00", "20230115", "2023/01/15", "2023-01-15Z"]
        .into_iter()
        .enumerate()
    {
        let id = format!("p-{n}");
        omneo(
            &app,
            "profile.created",
            json!({"id": id, "first_name": "Anna", "joined_at": since, "updated_at": ago(1)}),
        )
        .await;
        let reward = json!({"id": format!("r-{n}"), "profile_id": id, "issued_at": since, "expires_at": since, "value_remaining": 4, "updated_at": ago(1)});
        omneo(&app, "reward.created", reward).await;
        let found = customer(&app, &format!("primaryID={id}")).await.unwrap();
        assert_eq!(custom_field(&found, "customerSince").as_deref(), Some("2023-01-15"), "{since}");
        assert_eq!(found["timeline"][0]["lastUpdate"], "2023-01-15 00:00:00", "{since}");
        assert!(
            found["timeline"][0]["message"].as_str().unwrap().ends_with("until 2023-01-15"),
            "{found}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn programs_say_no_in_many_ways() {
    let settings = TestSettings::demo()
        .brand(|brand| brand.reference_ids.push("omneo.identity.card".to_owned()));
    let app = receiver_with(settings).await;
    for (n, (active, finds)) in [
        (json!(0), false),
        (json!("0"), false),
        (json!("false"), false),
        (json!("N"), false),
        (json!(false), false),
        (json!("perhaps"), false),
        (json!(1), true),
        (json!("Y"), true),
        (json!(null), true),
    ]
    .into_iter()
    .enumerate()
    {
        omneo(
            &app,
            "profile.created",
            json!({"id": format!("p-{n}"), "first_name": "Anna", "updated_at": ago(2)}),
        )
        .await;
        let identity = json!({"profile_id": format!("p-{n}"), "handle": "card", "identifier": format!("CARD{n}"), "is_active": active, "updated_at": ago(1)});
        omneo(&app, "identity.created", identity).await;
        assert_eq!(
            customer(&app, &format!("primaryID=CARD{n}")).await.is_some(),
            finds,
            "{active}"
        );
        let purchase = json!({"id": format!("t-{n}"), "profile_id": format!("p-{n}"), "total": 5, "currency": "EUR", "is_void": active, "transacted_at": ago(1), "updated_at": ago(1)});
        omneo(&app, "transaction.created", purchase).await;
        let message =
            customer(&app, &format!("primaryID=p-{n}")).await.unwrap()["timeline"][0]["message"]
                .as_str()
                .unwrap()
                .to_owned();
        let is_void = active == json!(1) || active == json!("Y");
        assert_eq!(message.ends_with("(void)"), is_void, "{active}: {message}");
    }
    app.stop().await;
}

#[tokio::test]
async fn one_id_for_two_contents_is_shown_since_the_senders_ids_are_broken() {
    let app = receiver().await;
    let data = |name: &str| json!({"id": "c-1", "firstName": name, "updatedAt": ago(1)});
    omniotap(&app, "contact", "created", json!({"event_id": "e-1"}), data("Anna")).await;
    omniotap(&app, "contact", "created", json!({"event_id": "e-1"}), data("Anna")).await;
    omniotap(&app, "contact", "updated", json!({"event_id": "e-1"}), data("Bert")).await;
    // The statistics are saved every other second.
    let stats =
        async || get_webhook_stats(app.pool(), app.brand.id(), Source::OmnioTap).await.unwrap();
    until("the duplicates are counted", async || stats().await.duplicates == 2).await;
    let stats = stats().await;
    assert_eq!((stats.accepted, stats.duplicates, stats.conflicting_duplicates), (3, 2, 1));
    assert_eq!(stats.conflicting_at, Some(app.clock.now()));
    assert_eq!(deliveries(&app).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_header_in_two_lines_is_one_list_and_a_packed_body_is_refused() {
    let app = receiver().await;
    let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": {"external_id": "x-1", "comment": "hi"}});
    let sent = Letter::new(Source::OmniLab, 1, body.to_string())
        .signed_with(&secret_of(Source::OmniLab), app.clock.now());
    let right = sent.header("webhook-signature").unwrap().to_owned();
    for lines in [
        ["v1,AAAA", right.as_str()],
        [right.as_str(), "v1,AAAA"],
        [right.as_str(), right.as_str()],
        ["v1a,AAAA", right.as_str()],
    ] {
        let mut two = sent.without("webhook-signature");
        two.headers.extend(lines.map(|line| ("webhook-signature".to_owned(), line.to_owned())));
        assert_eq!(two.to(&app).await.status, 202, "{lines:?}");
    }
    for (encoding, status) in
        [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("identity", 202), ("", 202)]
    {
        let response = sent.with("content-encoding", encoding).to(&app).await;
        assert_eq!(response.status, status, "{encoding}: {}", response.head);
        assert_eq!(response.header("accept-encoding"), (status == 415).then_some("identity"));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_template_that_fails_is_counted_told_once_and_named() {
    let settings = TestSettings::demo().custom_field("favoriteColor", "{{ 7 // omneo.points }}");
    let app = receiver_with(settings).await;
    for points in [0, 7, 0, 0] {
        app.clock.set(app.clock.now() + 1.second());
        let at = app.clock.now().to_string();
        omneo(&app, "profile.updated", json!({"id": "p-1", "first_name": "Anna", "point_balance": points, "gender": points, "updated_at": at})).await;
        let found = customer(&app, "primaryID=p-1").await.unwrap();
        assert_eq!(
            custom_field(&found, "favoriteColor"),
            (points == 7).then(|| "1".to_owned()),
            "{found}"
        );
        assert_eq!(
            custom_field(&found, "points"),
            Some(points.to_string()),
            "everything else is shown"
        );
    }
    let explanation =
        explain(&mut app.pool().acquire().await.unwrap(), &app.brand, "omneo.profile:p-1")
            .await
            .unwrap()
            .unwrap();
    assert_eq!(explanation.failed_templates.iter().collect::<Vec<_>>(), ["custom_fields.2.value"]);
    let text = logs().text();
    let told = text
        .lines()
        .filter(|line| line.contains("template failed") && line.contains("custom_fields.2.value"));
    assert_eq!(told.count(), 1, "once, not for every customer");
    let metrics = hookpoint::telemetry::metrics().render();
    assert!(metrics.lines().any(|line| line.starts_with("hookpoint_template_failures_total{")
        && line.contains("custom_fields.2.value")));
    app.stop().await;
}

#[tokio::test]
async fn a_time_that_nobody_can_read_makes_nothing_new_and_brings_nobody_back() {
    let app = receiver().await;
    for (n, time) in [
        json!("garbage"),
        json!("26-11-2026 23:59"),
        json!({}),
        json!("2026-02-30T00:00:00Z"),
        json!("2026-11-21T10:00:00+25:00"),
        json!("1970-01-01"),
        json!("0000-00-00 00:00:00"),
        json!(0),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("p-{n}");
        let said = |name: &str, at: &Value| json!({"id": id, "first_name": "Anna", "last_name": name, "updated_at": at});
        omneo(&app, "profile.updated", said("Stale", time)).await;
        omneo(&app, "profile.updated", said("Good", &json!(ago(1)))).await;
        omneo(&app, "profile.updated", said("Staler", time)).await;
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["customerLastname"],
            "Good",
            "{time}"
        );
        omneo(
            &app,
            "profile.deleted",
            json!({"id": id, "profile_type": "deleted", "updated_at": ago(1)}),
        )
        .await;
        omneo(&app, "profile.updated", said("Back", time)).await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{time}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_happened_at_a_time_that_nobody_can_read_is_told_and_not_shown_as_of_now() {
    let app = receiver().await;
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": ago(7)}),
    )
    .await;
    omniotap(
        &app,
        "contact",
        "created",
        json!({"event_id": "c"}),
        json!({"id": "c-1", "firstName": "Bert", "updatedAt": ago(7)}),
    )
    .await;
    for (n, time) in [
        json!("15-01-2023"),
        json!("garbage"),
        json!({}),
        json!("2023-01-15 10:00:00 CET"),
        json!(true),
    ]
    .iter()
    .enumerate()
    {
        omneo(
            &app,
            "transaction.created",
            json!({"id": format!("t-{n}"), "profile_id": "p-1", "total": 5, "transacted_at": time}),
        )
        .await;
        let ticket =
            json!({"id": format!("k-{n}"), "contactId": "c-1", "subject": "Hi", "updatedAt": time});
        omniotap(&app, "ticket", "created", json!({"event_id": format!("k{n}")}), ticket).await;
        let data = json!({"external_id": "o-1", "first_name": "Cleo", "comment": "Hi"});
        let body = json!({"type": "feedback.submitted.v1", "timestamp": time, "data": data});
        deliver(&app, Letter::new(Source::OmniLab, u32::try_from(n).unwrap(), body.to_string()))
            .await;
    }
    for id in ["p-1", "c-1", "o-1"] {
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["timeline"],
            json!([]),
            "{id}"
        );
    }
    assert!(
        deliveries(&app)
            .await
            .iter()
            .filter(|row| row.note.contains("could not be read: "))
            .count()
            >= 15
    );
    // A date without a time means that day, from every source.
    let ticket =
        json!({"id": "k-9", "contactId": "c-1", "subject": "Hi", "updatedAt": "2023-01-15"});
    omniotap(&app, "ticket", "created", json!({"event_id": "k9"}), ticket).await;
    assert_eq!(
        customer(&app, "primaryID=c-1").await.unwrap()["timeline"][0]["lastUpdate"],
        "2023-01-15 00:00:00"
    );
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_number_is_not_shown_as_one_and_takes_nothing_else_away() {
    let app = receiver().await;
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": ago(7)}),
    )
    .await;
    for (n, (total, currency, message)) in [
        (json!(5), json!(978), "EUR 5.00"),
        (json!("12.50"), json!("EUR"), "EUR 12.50"),
        (json!(true), json!(true), "Purchase"),
        (json!([5]), json!("EUR"), "Purchase"),
        (json!("NaN"), json!("EUR"), "Purchase"),
        (json!("undefined"), json!("undefined"), "Purchase"),
        (json!("free"), json!("EUR"), "Purchase"),
        (json!(5), json!("n/a"), "5.00"),
        (json!(5), json!("J\u{200b}PY"), "JPY 5"),
        (json!("0.00012345"), json!("BTC"), "BTC 0.00012345"),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, sent) = (format!("t-{n}"), format!("{total} {currency}"));
        let purchase = json!({"id": id, "profile_id": "p-1", "total": total, "currency": currency, "transacted_at": ago(2), "updated_at": ago(2)});
        omneo(&app, "transaction.created", purchase).await;
        let found = customer(&app, "primaryID=p-1").await.unwrap();
        let events = found["timeline"].as_array().unwrap();
        let shown = events
            .iter()
            .find(|event| event["externalID"] == id.as_str())
            .unwrap_or_else(|| panic!("{sent} is not shown"));
        let text = shown["message"].as_str().unwrap();
        assert!(text.contains(message), "{sent}: {text}");
        for nothing in ["True", "true", "NaN", "undefined", "free", "[5]", "n/a"] {
            assert!(!text.contains(nothing), "{sent}: {text}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn whose_it_is_where_that_cannot_be_read_is_told() {
    let app = receiver().await;
    let ticket =
        json!({"id": "k-1", "contactId": {"id": "c-1"}, "subject": "Hi", "updatedAt": ago(1)});
    omniotap(&app, "ticket", "created", json!({"event_id": "k1"}), ticket).await;
    omneo(
        &app,
        "transaction.created",
        json!({"id": "t-1", "profile_id": true, "total": 5, "updated_at": ago(1)}),
    )
    .await;
    let remarks: Vec<String> = deliveries(&app).await.into_iter().map(|row| row.note).collect();
    assert!(remarks.iter().all(|note| note.contains("record")), "{remarks:?}");
    let attributes =
        json!([{"handle": "size", "value": {"eu": 38}}, {"handle": "colour", "value": "blue"}]);
    omneo(&app, "profile.created", json!({"id": "p-1", "first_name": "Anna", "custom_attributes": attributes, "updated_at": ago(1)})).await;
    let remarks: Vec<String> = deliveries(&app).await.into_iter().map(|row| row.note).collect();
    assert!(
        remarks.iter().any(|note| note == "applied; could not be read: attribute.custom"),
        "{remarks:?}"
    );
    app.stop().await;
}
