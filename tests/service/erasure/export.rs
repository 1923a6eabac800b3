//! The export of one person.

use super::*;

#[tokio::test]
async fn an_export_gives_everything_and_nothing_of_others() {
    let app = app().await;
    sqlx::query(
        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        values ($1, gen_random_uuid(), 'omniotap.contact:erase-contact-0001', 'omniotap.contact:partner-contact-0001', false, 't', 'two people', now())",
    )
    .bind(app.brand.id())
    .execute(app.pool())
    .await
    .unwrap();
    sqlx::query(
        "insert into postponed_lookup_reviews (brand_id, question_hash, customer_keys, postponed_until)
        values ($1, decode(repeat('ab', 16), 'hex'), array['omniotap.contact:erase-contact-0001', 'omniotap.contact:partner-contact-0001'], now())",
    )
    .bind(app.brand.id())
    .execute(app.pool())
    .await
    .unwrap();
    let own = insert_delivery(
        &app,
        "dead",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    insert_delivery(
        &app,
        "done",
        &body("contact", &json!({"id": "partner-contact-0001", "phone": SHARED_PHONE})),
    )
    .await;
    // A lookup that found both, one of each alone, and one that found nobody.
    for (ticket, query) in [
        ("both", format!("channelAddressType=phoneNumber&address={}", encode(SHARED_PHONE))),
        ("own", format!("channelAddressType=email&address={EMAIL}")),
        ("partner", format!("channelAddressType=email&address={PARTNER}")),
        ("nobody", "channelAddressType=email&address=nobody@example.org".to_owned()),
    ] {
        app.ask(&format!("key={KEY}&{query}&ticketID={ticket}")).await;
        of_ticket(&app, ticket).await;
    }
    let everything = export(app.pool(), &app.brand, &contact()).await.unwrap();
    let text = everything.to_string();
    for string in STRINGS {
        assert!(text.contains(string), "{string}");
    }
    let count = |section: &str| everything[section].as_array().unwrap().len();
    assert_eq!(
        [
            "customers",
            "records",
            "events",
            "source_merges",
            "decisions",
            "match_reviews",
            "postponed_lookup_reviews",
            "deliveries",
            "lookups"
        ]
        .map(count),
        [1, 3, 1, 1, 1, 2, 1, 1, 2],
        "{everything:#}"
    );
    assert_eq!(
        everything["postponed_lookup_reviews"][0]["customer_keys"],
        json!(["omniotap.contact:erase-contact-0001"])
    );
    assert_eq!(everything["deliveries"][0]["id"], own.to_string());
    assert_eq!(everything["deliveries"][0]["body"]["data"]["firstName"], "Erasmina");
    assert!(!text.contains("Bertolf") && !text.contains(PARTNER));
    // Decisions about the person are removed as well.
    erase_person(&app).await;
    assert_nothing_is_left(&app, "erased with a decision").await;
    app.stop().await;
}
