//! Stored webhooks about an erased person.

use super::*;

async fn deliveries(app: &TestApp) -> BTreeSet<Uuid> {
    let ids: Vec<(Uuid,)> =
        sqlx::query_as("select delivery_id from deliveries").fetch_all(app.pool()).await.unwrap();
    ids.into_iter().map(|(id,)| id).collect()
}

#[tokio::test]
async fn deliveries_in_every_state_go_and_those_of_others_stay() {
    let app = app_without_workers().await;
    let own = [
        body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
        body("contact", &json!({"id": "erase-new-1", "email": "Erasmina.Kwikstaart@Example.org"})),
        body(
            "contact",
            &json!({"id": "erase-new-2", "firstName": "Erasmina", "lastName": "Kwikstaart", "phone": SHARED_PHONE}),
        ),
        body("ticket", &json!({"id": "erase-ticket-0001", "subject": "Vogelspotter"})),
        body("ticket", &json!({"id": "erase-new-3", "contactId": "erase-contact-0001"})),
        body("spaceship", &json!({"pilot": {"crm": "erase-contact-0001"}})),
        body("spaceship", &json!({"text": "Call Erasmina (erasmina.kwikstaart@example.org) back"})),
        b"not json, but erasmina.kwikstaart@example.org".to_vec(),
        b"phone=0655500091&name=Erasmina".to_vec(),
    ];
    let others = [
        body(
            "contact",
            &json!({"id": "partner-contact-0001", "firstName": "Bertolf", "lastName": "Kwikstaart", "phone": SHARED_PHONE}),
        ),
        body(
            "contact",
            &json!({"id": "somebody-new", "firstName": "Bertolf", "lastName": "Kwikstaart", "email": SHARED_MAILBOX}),
        ),
        body("ticket", &json!({"id": "partner-ticket-0001", "subject": "Nest"})),
        body("spaceship", &json!({"phone": SHARED_PHONE})),
        b"not json".to_vec(),
    ];
    let (mut kept, mut gone) = (BTreeSet::new(), 0);
    for state in ["pending", "done", "dead", "discarded"] {
        for body in &own {
            insert_delivery(&app, state, body).await;
            gone += 1;
        }
        for body in &others {
            kept.insert(insert_delivery(&app, state, body).await);
        }
    }
    let mut seen = Vec::new();
    let receipt = erase(app.pool(), &app.brand, &file(&app), &contact(), now(), &mut |progress| {
        seen.push(progress);
    })
    .await
    .unwrap();
    assert_eq!(receipt.counts.deliveries, gone);
    assert_eq!(deliveries(&app).await, kept);
    assert!(
        seen.last()
            .is_some_and(|progress| progress.done == progress.total && progress.total == gone + 20),
        "{seen:?}"
    );
    assert_nothing_is_left(&app, "erased with its deliveries").await;
    let delivery = |body: &[u8]| Delivery {
        headers: BTreeMap::new(),
        body: body.to_vec(),
        received_at: now(),
    };
    let asked = [delivery(&own[7]), delivery(&others[4]), delivery(&own[5]), delivery(&others[3])];
    let mut connection = app.pool().acquire().await.unwrap();
    let mentioned =
        find_about_erased(&mut connection, &app.brand, &asked.iter().collect::<Vec<_>>())
            .await
            .unwrap();
    assert_eq!(mentioned, [true, false, true, false]);
    drop(connection);
    app.stop().await;
}
