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

#[tokio::test]
async fn lookups_about_an_erased_person_are_deleted_and_none_is_written_later() {
    let app = app().await;
    let ask = async |ticket: &str, query: &str| {
        app.ask(&format!("key={KEY}&{query}&ticketID={ticket}")).await
    };
    let own = format!("channelAddressType=email&address={EMAIL}");
    let partner = format!("channelAddressType=email&address={PARTNER}");
    let shared = format!("channelAddressType=phoneNumber&address={}", encode(SHARED_PHONE));
    let by_id = "primaryID=erase-profile-0001";
    for (ticket, query) in [
        ("own", own.as_str()),
        ("partner", partner.as_str()),
        ("shared", shared.as_str()),
        ("by-id", by_id),
    ] {
        ask(ticket, query).await;
        of_ticket(&app, ticket).await;
    }
    let waiting = ask("waiting", &own).await;
    assert!(waiting.body.contains("Erasmina"), "it may not be written yet");
    erase_person(&app).await;
    app.wait_until_current().await;
    for ticket in ["own", "shared", "by-id"] {
        let found = find(&app, LookupSearch::Ticket(ticket.to_owned())).await;
        assert!(found.is_empty(), "{ticket}");
    }
    of_ticket(&app, "partner").await;
    // Lookups are written in their order.
    ask("last", &partner).await;
    of_ticket(&app, "last").await;
    assert!(find(&app, LookupSearch::Ticket("waiting".to_owned())).await.is_empty());
    assert_nothing_is_left(&app, "erased with lookups").await;
    app.stop().await;
}

#[tokio::test]
async fn a_lookup_that_is_answered_while_the_erasure_begins_is_not_written() {
    let app = app().await;
    let query = |email: &str| format!("key={KEY}&channelAddressType=email&address={email}");
    add_suppressions(app.pool(), &app.brand, &file(&app), &contact(), now()).await.unwrap();
    let answer = app.ask(&format!("{}&ticketID=erased", query(EMAIL))).await;
    assert!(answer.body.contains("Erasmina"), "nothing is deleted yet");
    app.ask(&format!("{}&ticketID=partner", query(PARTNER))).await;
    of_ticket(&app, "partner").await;
    assert!(find(&app, LookupSearch::Ticket("erased".to_owned())).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn the_reasons_of_decisions_that_stay_for_others_are_removed() {
    let app = app().await;
    let [own, partner] = ["erase-contact-0001", "partner-contact-0001"];
    let reasons = "'t', 'Erasmina and Bertolf', now(), now(), 't', 'Erasmina called'";
    let columns = "decided_by, reason, decided_at, undone_at, undone_by, undone_reason";
    let mut statements = vec![format!(
        "insert into shared_value_decisions (brand_id, decision_id, kind, value, {columns})
        select brand_id, '{}', 'telephone', '{SHARED_PHONE}', {reasons} from brands",
        Uuid::from_u128(1)
    )];
    for other in [own, "other-person"] {
        statements.push(format!(
            "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, {columns})
            select brand_id, '{}', 'omniotap.contact:{other}', 'omniotap.contact:{partner}', false, {reasons} from brands",
            Uuid::from_u128(2)
        ));
    }
    for record in [own, partner] {
        statements.push(format!(
            "insert into confirmed_addresses (brand_id, decision_id, record_key, kind, value, {columns})
            select brand_id, '{}', 'omniotap.contact:{record}', 'telephone', '{SHARED_PHONE}', {reasons} from brands",
            Uuid::from_u128(3)
        ));
    }
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(app.pool()).await.unwrap();
    }
    erase_person(&app).await;
    assert_nothing_is_left(&app, "erased with decisions about others").await;
    for table in ["shared_value_decisions", "decisions", "confirmed_addresses"] {
        let left = format!("select reason, undone_reason from {table}");
        let left: Vec<(String, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(left)).fetch_all(app.pool()).await.unwrap();
        assert_eq!(left, [(String::new(), None)], "{table}");
    }
    app.stop().await;
}
