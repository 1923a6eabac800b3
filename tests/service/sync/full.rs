//! Full runs: backfill and reconcile.

use super::*;

#[tokio::test]
async fn every_page_is_read_and_a_second_run_finds_nothing_to_repair() {
    let fixture = SyncFixture::start(47).await;
    assert_eq!(fixture.contacts().await, (47, 47, 0, None, String::new()));
    assert!(fixture.is_known("p46@example.org").await);
    for envelope in [Envelope::Bare, Envelope::Named, Envelope::Items, Envelope::Pagination] {
        fixture.simulators.change_options(|options| options.envelope = envelope);
        assert_eq!(fixture.contacts().await, (47, 0, 0, Some(0.0), String::new()), "{envelope:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn what_webhooks_missed_is_found_repaired_and_reported() {
    let fixture = SyncFixture::start(40).await;
    fixture.contacts().await;
    let mut changed = contact(3);
    changed["email"] = json!("new@example.org");
    changed["updatedAt"] = json!("2026-02-01T09:00:00.000Z");
    fixture.data.put(ObjectKind::Contact, changed);
    fixture.data.put(ObjectKind::Contact, contact(40));
    fixture.data.remove(ObjectKind::Contact, "c7");
    let (scanned, changed, deleted, drift, _) = fixture.contacts().await;
    assert_eq!((scanned, changed, deleted), (40, 2, 1));
    assert!((drift.unwrap() - 3.0 / 41.0).abs() < 0.001, "{drift:?}");
    assert!(fixture.is_known("new@example.org").await && fixture.is_known("p40@example.org").await);
    assert!(!fixture.is_known("p3@example.org").await && !fixture.is_known("p7@example.org").await);
    fixture.stop().await;
}

#[tokio::test]
async fn who_is_missing_from_a_list_but_still_there_stays() {
    let fixture = SyncFixture::start(30).await;
    fixture.contacts().await;
    // One item of the list is missed, as if the list had moved while it was read.
    let forget = "create function forget() returns trigger language plpgsql as
        $$ begin if new.key = (select key from noticed order by key limit 1) then return null; end if; return new; end $$";
    for statement in [
        "create table noticed (key bytea)",
        "create function notice() returns trigger language plpgsql as $$ begin insert into noticed values (new.key); return new; end $$",
        "create trigger notices before insert on sync_seen_keys for each row execute function notice()",
    ] {
        sqlx::query(statement).execute(fixture.app.pool()).await.unwrap();
    }
    fixture.contacts().await;
    sqlx::query("drop trigger notices on sync_seen_keys")
        .execute(fixture.app.pool())
        .await
        .unwrap();
    sqlx::query(forget).execute(fixture.app.pool()).await.unwrap();
    sqlx::query("create trigger forgets before insert on sync_seen_keys for each row execute function forget()")
        .execute(fixture.app.pool())
        .await
        .unwrap();
    let (_, _, deleted, ..) = fixture.contacts().await;
    assert_eq!(deleted, 0);
    let live: i64 = sqlx::query_scalar("select count(*) from records where live")
        .fetch_one(fixture.app.pool())
        .await
        .unwrap();
    assert_eq!(live, 30);
    fixture.stop().await;
}

#[tokio::test]
async fn when_too_many_are_gone_a_fault_is_believed() {
    let fixture = SyncFixture::start(60).await;
    fixture.contacts().await;
    (0..30).for_each(|n| drop(fixture.data.remove(ObjectKind::Contact, &format!("c{n}"))));
    let (_, _, deleted, _, note) = fixture.contacts().await;
    assert_eq!(deleted, 0);
    assert!(note.contains("30 of 60"), "{note}");
    assert!(fixture.is_known("p0@example.org").await);
    fixture.stop().await;
}

#[tokio::test]
async fn a_person_that_the_source_merged_is_not_deleted() {
    let fixture = SyncFixture::start(0).await;
    fixture.data.put(ObjectKind::Profile, profile(1));
    fixture.data.put(ObjectKind::Profile, profile(2));
    fixture.scan(Source::Omneo, "profiles").await;
    let key = |n: usize| {
        RecordKey::new(SourceKind::OmneoProfile, &format!("00000000-0000-4000-8000-{n:012}"))
            .unwrap()
    };
    let at = "2026-02-01T09:00:00Z".parse().unwrap();
    fixture.app.apply(vec![Change::Merge(SourceMerge { loser: key(2), winner: key(1), at })]).await;
    fixture.data.remove(ObjectKind::Profile, &key(2).id);
    assert!(fixture.is_known("b2@example.org").await);
    assert!(matches!(
        fixture.scan(Source::Omneo, "profiles").await,
        RunEnd::Complete { deleted: 0, .. }
    ));
    assert!(fixture.is_known("b2@example.org").await, "the loser's address still finds the winner");
    fixture.stop().await;
}

#[tokio::test]
async fn a_deleted_person_that_returns_is_known_again_and_the_list_is_read_once() {
    let fixture = SyncFixture::start(40).await;
    fixture.contacts().await;
    fixture.data.remove(ObjectKind::Contact, "c7");
    assert_eq!(fixture.contacts().await.2, 1);
    assert!(!fixture.is_known("p7@example.org").await);
    // With its unchanged timestamp.
    fixture.data.put(ObjectKind::Contact, contact(7));
    let (scanned, changed, _, drift, _) = fixture.contacts().await;
    assert_eq!((scanned, changed), (40, 1));
    assert!(drift.unwrap() > 0.0);
    assert!(fixture.is_known("p7@example.org").await);
    assert_eq!(fixture.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    fixture.stop().await;
}

#[tokio::test]
async fn a_list_with_an_erased_person_in_it_is_read_once_and_brings_nobody_back() {
    let fixture = SyncFixture::start(40).await;
    fixture.contacts().await;
    let record = RecordKey::new(SourceKind::OmnioTapContact, "c7").unwrap();
    let suppression_file = SuppressionFile::new(suppression_file_of(&fixture.app.database));
    erase(
        fixture.app.pool(),
        &fixture.app.brand,
        &suppression_file,
        &[record].into(),
        fixture.app.clock.now(),
        &mut |_| (),
    )
    .await
    .unwrap();
    assert_eq!(fixture.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    assert!(!fixture.is_known("p7@example.org").await);
    fixture.stop().await;
}
