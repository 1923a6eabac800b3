//! An erased person is removed, and nobody else.

use super::*;

#[tokio::test]
async fn an_erased_person_is_gone_on_a_replica_with_a_cached_answer() {
    let app = app().await;
    let replica = second(&app).await;
    let query = format!("key={KEY}&channelAddressType=email&address={EMAIL}");
    let partner = app.by_email(PARTNER).await;
    assert!(
        replica.ask(&query).await.body.contains("Erasmina")
            && replica.ask(&query).await.body.contains("Erasmina")
    );
    assert_eq!(app.by_phone(SHARED_PHONE).await.len(), 2);
    let others = TestApp::start().await;
    others.apply(demo_changes(&others.brand)).await;
    others.apply(self::partner()).await;
    let receipt = erase_person(&app).await;
    replica.until(&query, |response| response.body == "[]").await;
    assert_eq!(
        (receipt.counts.records, receipt.counts.events, receipt.counts.deliveries),
        (3, 1, 0)
    );
    assert!(receipt.entries >= 10, "{}", receipt.entries);
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "erased").await;
    // All other people are as if the person had never existed.
    assert_eq!(app.by_email(PARTNER).await, partner);
    assert_eq!(app.by_phone(SHARED_PHONE).await, partner);
    assert_eq!(app.by_email(SHARED_MAILBOX).await, partner);
    assert_same_facts(&others, &app, "erased").await;
    for app in [others, replica, app] {
        app.stop().await;
    }
}

#[tokio::test]
async fn somebody_in_a_component_above_the_cap_is_erased_as_cleanly() {
    // Eight records are connected by phone; without phones, four of them are.
    let settings = TestSettings::demo().identity(|identity| identity.component_cap = 6);
    let (app, others) =
        (TestApp::start_with(settings.clone()).await, TestApp::start_with(settings).await);
    let neighbour = |n: usize| {
        let id = format!("neighbour-{n}");
        record(
            SourceKind::OmnioTapContact,
            &id,
            0,
            &[("name.first", "Bertolf"), ("name.last", "Kwikstaart"), ("phone.main", SHARED_PHONE)],
        )
    };
    for app in [&app, &others] {
        app.apply((0..4).map(neighbour).chain(partner()).collect()).await;
    }
    app.apply(person()).await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    erase_person(&app).await;
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "above the cap").await;
    assert_same_facts(&others, &app, "above the cap").await;
    others.stop().await;
    app.stop().await;
}

/// A body in the CRM's format.
#[tokio::test]
async fn a_namesake_on_the_same_phone_stays_as_he_was() {
    let app = app().await;
    let profile = |id, email| {
        let fields = [
            ("name.first", "Jan"),
            ("name.last", "Naamgenoot"),
            ("email.main", email),
            ("phone.main", "+31612399999"),
        ];
        record(SourceKind::OmneoProfile, id, 0, &fields)
    };
    let son = [
        profile("son-profile-0001", "jan.zoon@example.net"),
        ticket("son-ticket-0001", "omneo.profile:son-profile-0001", "EV-2026-0009"),
    ];
    app.apply(vec![profile("father-profile-0001", "jan.vader@example.net")]).await;
    app.apply(son.to_vec()).await;
    app.wait_until_current().await;
    let before = app.by_email("jan.zoon@example.net").await;
    let father = [RecordKey::new(SourceKind::OmneoProfile, "father-profile-0001").unwrap()].into();
    let delivery = |id: &str, email: &str| json!({"id": id, "email": email, "firstName": "Jan", "lastName": "Naamgenoot", "phone": "+31612399999", "updatedAt": "2026-11-20T10:00:00Z"});
    insert_delivery(
        &app,
        "done",
        &body("contact", &delivery("son-contact-0001", "jan.zoon@example.net")),
    )
    .await;
    erase(app.pool(), &app.brand, &file(&app), &father, app.clock.now(), &mut |_| ())
        .await
        .unwrap();
    app.apply(son.to_vec()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email("jan.zoon@example.net").await, before);
    assert_eq!(app.by_phone("+31612399999").await, before);
    assert!(app.by_email("jan.vader@example.net").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_number_that_becomes_somebody_elses_is_theirs() {
    let app = app().await;
    app.apply(person()).await;
    erase_person(&app).await;
    let nina = [
        ("name.first", "Nina"),
        ("name.last", "Nieuw"),
        ("email.main", "nina@example.net"),
        ("phone.main", PHONE),
    ];
    app.apply(vec![record(SourceKind::OmneoProfile, "nina-profile-0001", 9, &nina)]).await;
    app.wait_until_current().await;
    assert_eq!(app.by_phone(PHONE).await[0]["customerFirstname"], "Nina");
    app.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_written_erases_nobody() {
    let app = app().await;
    let before = dump(app.pool(), app.brand.id()).await;
    let nowhere = SuppressionFile::new(Path::new("/proc/nowhere/suppressions.jsonl").to_owned());
    assert!(erase(app.pool(), &app.brand, &nowhere, &contact(), now(), &mut |_| ()).await.is_err());
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "nothing happened");
    app.stop().await;
}
