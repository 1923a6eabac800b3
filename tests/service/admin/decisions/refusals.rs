//! Decisions that are refused: contradictions, repetitions, and what does not exist.

use std::collections::BTreeMap;
use std::time::Duration;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::{Act, DecisionError, decide, preview};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, SourceMerge};
use hookpoint::storage::database::{Database, PoolSize};
use uuid::Uuid;

use super::{LINE, RUBEN, SANNE, count, couple, key, keys, person, phone};
use crate::support::{TestApp, now};

async fn error(app: &TestApp, act: Act) -> DecisionError {
    match app.decide(act).await {
        Ok(_) => panic!("it was decided"),
        Err(error) => error,
    }
}

/// A new connection would plan every statement again.
#[tokio::test]
async fn a_refused_preview_or_decision_keeps_its_connection() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    let size =
        PoolSize { connections: 1, acquire_timeout: Duration::from_secs(60), statement: None };
    let only = Database::open(&app.place, size, false).await.unwrap();
    let backend = "select pg_backend_pid()";
    let (before,): (i32,) = sqlx::query_as(backend).fetch_one(&only.pool).await.unwrap();
    let act = || Act::Join(keys(&[RUBEN, "omneo.profile:nobody"]));
    assert!(matches!(
        preview(&only.pool, &app.brand, &act()).await,
        Err(DecisionError::NoRecord(_))
    ));
    let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, now());
    let refused = decide(&only.pool, &app.brand, &act(), None, by).await;
    assert!(matches!(refused, Err(DecisionError::NoRecord(_))));
    let (after,): (i32,) = sqlx::query_as(backend).fetch_one(&only.pool).await.unwrap();
    assert_eq!(before, after);
    only.close().await;
    app.stop().await;
}

#[tokio::test]
async fn contradictions_and_repetitions_name_the_decisions_in_force() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    app.apply(vec![person("omniotap.contact:third", ("Ruben", "Smit"), "third@example.org", "")])
        .await;
    let joined = app.decided(Act::Join(keys(&[RUBEN, SANNE]))).await;
    let pair = || keys(&[RUBEN, SANNE]);
    let refused = error(&app, Act::Join(pair())).await;
    assert!(matches!(refused, DecisionError::AlreadyDecided(ids) if ids == [joined]));
    let refused = error(&app, Act::Separate(keys(&[SANNE]))).await;
    assert!(matches!(refused, DecisionError::Contradicts(ids) if ids == [joined]));
    app.decided(Act::Undo(joined)).await;
    assert!(matches!(error(&app, Act::Undo(joined)).await, DecisionError::AlreadyUndone));
    let apart = app.decided(Act::KeepApart(pair())).await;
    // Through a third record, too.
    let chain = app.decided(Act::Join(keys(&[RUBEN, "omniotap.contact:third"]))).await;
    let refused = error(&app, Act::Join(keys(&[SANNE, "omniotap.contact:third"]))).await;
    assert!(matches!(refused, DecisionError::Contradicts(ids) if ids == [apart]));
    app.decided(Act::Undo(apart)).await;
    app.decided(Act::Join(keys(&[SANNE, "omniotap.contact:third"]))).await;
    let refused = error(&app, Act::KeepApart(pair())).await;
    assert!(matches!(refused, DecisionError::TooFew), "they are one customer now");
    let refused = error(&app, Act::Separate(keys(&[SANNE]))).await;
    assert!(matches!(refused, DecisionError::Contradicts(ids) if ids.contains(&chain)));
    let shared = app.decided(Act::Share(phone(LINE))).await;
    let refused = error(&app, Act::Share(phone(LINE))).await;
    assert!(matches!(refused, DecisionError::AlreadyDecided(ids) if ids == [shared]));
    app.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_pointless_is_refused_and_stored_nowhere() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    let nobody = "omneo.profile:nobody";
    for act in [
        Act::Join(keys(&[RUBEN, nobody])),
        Act::Separate(keys(&[nobody])),
        Act::Confirm(phone(LINE), key(nobody)),
    ] {
        assert!(
            matches!(error(&app, act).await, DecisionError::NoRecord(key) if key.id == "nobody")
        );
    }
    assert!(matches!(error(&app, Act::Join(keys(&[RUBEN]))).await, DecisionError::TooFew));
    let alone = Act::Separate(keys(&[RUBEN]));
    assert!(matches!(error(&app, alone).await, DecisionError::NothingStays));
    assert!(matches!(error(&app, Act::Undo(Uuid::nil())).await, DecisionError::NoDecision));
    let trusted = Act::Confirm(phone(LINE), key(RUBEN));
    assert!(matches!(error(&app, trusted).await, DecisionError::NothingToConfirm));
    for table in ["decisions", "shared_value_decisions", "confirmed_addresses", "audit_log"] {
        assert_eq!(count(&app, table).await, 0, "{table}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_chain_of_merges_of_the_source_hides_no_contradiction() {
    let app = TestApp::start().await;
    app.apply(vec![
        person("omneo.profile:a", ("Ruben", "Smit"), "ruben@example.org", ""),
        person(SANNE, ("Sanne", "Jansen"), "sanne@example.org", ""),
    ])
    .await;
    let joined = app.decided(Act::Join(keys(&["omneo.profile:a", SANNE]))).await;
    let at = "2026-11-21T10:00:00Z".parse().unwrap();
    let merge = |loser: &str, winner: &str| {
        Change::Merge(SourceMerge {
            loser: key(&format!("omneo.profile:{loser}")),
            winner: key(&format!("omneo.profile:{winner}")),
            at,
        })
    };
    let gone = Update { at, received_at: at, scope: Scope::Deletion, fields: BTreeMap::default() };
    app.apply(vec![
        merge("a", "b"),
        merge("b", "c"),
        merge("c", "d"),
        person("omneo.profile:d", ("Ruben", "Smit"), "ruben@new.example", ""),
        Change::Record { key: key("omneo.profile:a"), update: gone },
    ])
    .await;
    let refused = error(&app, Act::Separate(keys(&[SANNE]))).await;
    assert!(matches!(refused, DecisionError::Contradicts(ids) if ids == [joined]));
    app.stop().await;
}
