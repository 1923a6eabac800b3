//! Later data about an erased person.

use super::*;

#[tokio::test]
async fn whatever_comes_in_later_about_an_erased_person_is_dropped() {
    let app = app().await;
    erase_person(&app).await;
    let before = dump(app.pool(), app.brand.id()).await;
    let applied = apply(app.pool(), &app.brand, person()).await.unwrap();
    assert_eq!((applied.changed, applied.customers), (0, 0));
    let keys = person().iter().flat_map(Change::keys).collect::<BTreeSet<_>>();
    assert_eq!(applied.erased, keys);
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "said again");
    // A new record with an address that only the person had. A later update of it has no address.
    let new = RecordKey::new(SourceKind::SyncarooMember, "erase-member").unwrap();
    for fields in [
        &[("phone.mobile", "06 555 000 91"), ("name.first", "E.")][..],
        &[("name.last", "Kwikstaart")],
        &[("attribute.tier", "gold")],
    ] {
        let applied = apply(
            app.pool(),
            &app.brand,
            vec![record(SourceKind::SyncarooMember, "erase-member", 7, fields)],
        )
        .await
        .unwrap();
        assert_eq!((applied.changed, applied.erased), (0, [new.to_string()].into()));
    }
    // A record with a shared address and the person's name; events and merges of the dropped record; records that refer
    // to it.
    let named =
        [("name.first", "Erasmina"), ("name.last", "Kwikstaart"), ("phone.main", SHARED_PHONE)];
    for dropped in [
        record(SourceKind::OmniLabParticipant, "erase-participant", 8, &named),
        ticket("erase-ticket-0002", "omnilab.participant:erase-participant", "EV-2026-0003"),
        Change::Event {
            key: EventKey::new(Source::OmnioTap, "ticket", "erase-ticket-0002").unwrap(),
            update: update(9, &[("data.status", "new")]),
        },
        merge("erase-profile-0003", "erase-profile-0002"),
        record(SourceKind::OmneoProfile, "erase-profile-0003", 8, &[("name.first", "Erasmina")]),
        record(
            SourceKind::OmnioTapCustomer,
            "erase-customer-0002",
            8,
            &[("reference.omniotap.contact", "erase-contact-0001")],
        ),
    ] {
        let keys = dropped.keys();
        let applied = apply(app.pool(), &app.brand, vec![dropped]).await.unwrap();
        assert!(
            applied.changed == 0
                && !applied.erased.is_empty()
                && applied.erased.iter().all(|key| keys.contains(key)),
            "{keys:?}"
        );
    }
    // A record without a name or address is removed completely once it shows that it is the person's.
    app.apply(vec![
        record(SourceKind::SyncarooMember, "erase-quiet", 1, &[("attribute.tier", "gold")]),
        ticket("erase-ticket-0009", "syncaroo.member:erase-quiet", "EV-2026-0009"),
    ])
    .await;
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::SyncarooMember, "erase-quiet", 2, &[("email.main", EMAIL)])],
    )
    .await
    .unwrap();
    assert_eq!(applied.erased, ["syncaroo.member:erase-quiet".to_owned()].into());
    let (mut before, mut after) = (before, dump(app.pool(), app.brand.id()).await);
    assert!(
        after["suppression_hashes"].len() > before["suppression_hashes"].len(),
        "the suppression list is extended"
    );
    for table in ["erasures", "suppression_hashes"] {
        before.remove(table);
        after.remove(table);
    }
    assert_same(&before, &after, "all of that");
    // The partner continues, with the shared values and in new systems.
    let bertolf = [
        ("name.first", "Bertolf"),
        ("name.last", "Kwikstaart"),
        ("phone.main", SHARED_PHONE),
        ("email.main", PARTNER),
    ];
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::OmneoProfile, "partner-profile", 8, &bertolf)],
    )
    .await
    .unwrap();
    assert_eq!((applied.changed, applied.erased.len()), (1, 0));
    app.wait_until_current().await;
    assert_eq!(app.by_phone(SHARED_PHONE).await[0]["customerID"], "partner-profile");
    assert_nothing_is_left(&app, "later").await;
    app.stop().await;
}

#[tokio::test]
async fn an_erasure_that_is_taken_back_lets_later_deliveries_count() {
    let app = app().await;
    erase_person(&app).await;
    let email = hookpoint::customer::model::email::Email::parse(EMAIL).unwrap();
    assert_eq!(
        revoke_erasure(
            app.pool(),
            &app.brand,
            &file(&app),
            &ErasureTarget::Address(email.into()),
            now()
        )
        .await
        .unwrap(),
        1
    );
    assert_eq!(
        revoke_erasure(
            app.pool(),
            &app.brand,
            &file(&app),
            &ErasureTarget::Id("erase-contact-0001".to_owned()),
            now()
        )
        .await
        .unwrap(),
        0
    );
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 0);
    app.apply(person()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    // Also for a database that still contains the erasure.
    sqlx::raw_sql("update erasures set revoked_at = null, completed_at = null")
        .execute(app.pool())
        .await
        .unwrap();
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 0);
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1, "a revoked erasure stays revoked");
    app.stop().await;
}
