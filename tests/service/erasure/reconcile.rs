//! Erasures after a backup was restored, a kill, or a new database.

use super::*;

/// A copy of an application's database, while nothing uses it.
async fn back_up(database: &str) -> String {
    until_used_by(0, database).await;
    let (server, copy) = (server().await, format!("backup_{}", Uuid::new_v4().simple()));
    sqlx::query(AssertSqlSafe(format!("create database {copy} template {database}")))
        .execute(&server)
        .await
        .unwrap();
    server.close();
    copy
}

fn place_of(
    app_database: &str,
    place: &hookpoint::storage::database::Place,
    database: &str,
) -> hookpoint::storage::database::Place {
    let hookpoint::storage::database::Place::Server(url) = place else {
        panic!("tests share a server")
    };
    hookpoint::storage::database::Place::Server(
        hookpoint::storage::database::Url::from_environment(url.0.replace(app_database, database)),
    )
}

#[tokio::test]
async fn a_restored_backup_of_yesterday_does_not_bring_anybody_back() {
    let app = app().await;
    insert_delivery(
        &app,
        "done",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    insert_delivery(&app, "dead", b"not json, but erasmina.kwikstaart@example.org").await;
    let (database, place) = (app.database.clone(), app.place.clone());
    app.stop().await;
    let yesterday = back_up(&database).await;
    let app = TestApp::start_with(Options {
        place: Some((place.clone(), database.clone())),
        ..Options::default()
    })
    .await;
    // The source deletes one of the records today, so the suppression list does not contain it.
    let gone =
        Update { at: at(60), received_at: at(60), scope: Scope::Deletion, fields: BTreeMap::new() };
    app.apply(vec![Change::Record {
        key: RecordKey::new(SourceKind::OmneoProfile, "erase-profile-0002").unwrap(),
        update: gone,
    }])
    .await;
    erase_person(&app).await;
    app.stop().await;
    std::fs::copy(suppression_file_of(&database), suppression_file_of(&yesterday)).unwrap();
    let restored = (place_of(&database, &place, &yesterday), yesterday.clone());
    let app =
        TestApp::start_without_warm_up(Options { place: Some(restored), ..Options::default() })
            .await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "restored").await;
    assert_eq!(app.by_email(PARTNER).await.len(), 1);
    // A database that is restored while the service runs is repaired as well.
    sqlx::raw_sql("delete from erasures").execute(app.pool()).await.unwrap();
    app.apply(person()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 1);
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_eq!(
        reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(),
        0,
        "there is nothing left to do"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_erasure_that_was_killed_after_the_suppression_file_was_written_is_finished_by_the_next_start()
 {
    let app = app().await;
    insert_delivery(
        &app,
        "pending",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    add_suppressions(app.pool(), &app.brand, &file(&app), &contact(), now()).await.unwrap();
    assert_eq!(app.by_email(EMAIL).await.len(), 1, "nothing is deleted yet");
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::OmnioTapContact, "erase-contact-0001", 9, &[("name.last", "X")])],
    )
    .await;
    assert_eq!(
        applied.unwrap().erased.len(),
        1,
        "after the suppression is stored, no writer may use data that it read before"
    );
    let place = (app.place.clone(), app.database.clone());
    app.stop().await;
    let app =
        TestApp::start_without_warm_up(Options { place: Some(place), ..Options::default() }).await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "finished").await;
    let (open,): (i64,) =
        sqlx::query_as("select count(*) from erasures where completed_at is null")
            .fetch_one(app.pool())
            .await
            .unwrap();
    assert_eq!(open, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_was_made_anew_knows_its_erased_again() {
    let app = app().await;
    erase_person(&app).await;
    let fresh = TestApp::start().await;
    std::fs::copy(suppression_file_of(&app.database), suppression_file_of(&fresh.database))
        .unwrap();
    let place = (fresh.place.clone(), fresh.database.clone());
    fresh.stop().await;
    let fresh = TestApp::start_with(Options { place: Some(place), ..Options::default() }).await;
    assert_eq!(fresh.brand.suppression_key, app.brand.suppression_key);
    assert_ne!(fresh.brand.secret, app.brand.secret);
    let applied = apply(fresh.pool(), &fresh.brand, person()).await.unwrap();
    assert_eq!((applied.changed, applied.erased.len()), (0, 5));
    // A database with its own suppression list keeps its key, and the file is not merged into it.
    let other = self::app().await;
    erase_person(&other).await;
    adopt_keys(other.pool(), &file(&app), &["demo"]).await.unwrap();
    assert!(
        erase(other.pool(), &other.brand, &file(&app), &contact(), now(), &mut |_| ())
            .await
            .is_err()
    );
    assert_eq!(
        reconcile(other.pool(), &other.brand, &file(&app), 10, now(), now()).await.unwrap(),
        0
    );
    for app in [app, fresh, other] {
        app.stop().await;
    }
}
