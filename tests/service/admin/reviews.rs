//! Open questions that lookups raise: the same ones in any order of arrival, and never again what is decided.

use hookpoint::admin::attention::{Need, get_situation};
use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::DecisionError;
use hookpoint::admin::reviews::{Review, ReviewAnswer, days_later, find, list, postpone};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::Change;

use crate::ingest::apply::{DECIDED, batches, clear, truncate};
use crate::ingest::populations::generator::{Population, Rng};
use crate::ingest::populations::strict;
use crate::support::{KEY, TestApp, encode, until};

async fn all(app: &TestApp) -> Vec<Review> {
    list(app.pool(), &app.brand, true, app.clock.now()).await.unwrap()
}

/// The questions with the number of lookups that met them, in the order of their ids.
fn counted(reviews: &[Review]) -> Vec<(String, u64)> {
    let mut counted: Vec<_> =
        reviews.iter().map(|review| (review.id.clone(), review.lookups.count)).collect();
    counted.sort();
    counted
}

/// Every address that a lookup can ask for, with the number of customers who have it.
async fn addresses(app: &TestApp) -> Vec<(String, String, i64)> {
    sqlx::query_as(
        "select kind, address, count(*) filter (where not self_asserted) from customer_addresses
        where kind in ('email', 'telephone') group by 1, 2 order by 1, 2",
    )
    .fetch_all(app.pool())
    .await
    .unwrap()
}

/// Asks for every address, and waits until the history has all these lookups.
async fn ask_all(app: &TestApp, addresses: &[(String, String, i64)]) {
    let written = async || {
        let query = "select count(*) from lookup_history where ticket is not null";
        let (rows,): (i64,) = sqlx::query_as(query).fetch_one(app.pool()).await.unwrap();
        usize::try_from(rows).unwrap()
    };
    app.wait_until_current().await;
    let before = written().await;
    for (n, (kind, address, _)) in addresses.iter().enumerate() {
        let channel = if kind == "email" { "email" } else { "phoneNumber" };
        let query = format!("channelAddressType={channel}&address={}", encode(address));
        let answer = app.ask(&format!("key={KEY}&{query}&ticketID={}", n + 1)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    until("the lookups are written", async || written().await == before + addresses.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_questions_are_open_in_any_order_and_decided_ones_do_not_come_back() {
    let app =
        TestApp::start_with(strict(&["omneo.profile"], 1_000, &["omnilab.participant"])).await;
    let (mut from_lookups, mut decided_of_lookups) = (0, 0);
    for seed in 1..=3 {
        let population = Population::new(seed, 6);
        let mut rng = Rng(seed.wrapping_mul(7_919));
        sqlx::query(sqlx::AssertSqlSafe(format!("truncate {}", DECIDED.join(", "))))
            .execute(app.pool())
            .await
            .unwrap();
        clear(app.pool()).await;
        app.apply(population.changes.clone()).await;
        let asked = addresses(&app).await;
        ask_all(&app, &asked).await;
        let open = all(&app).await;
        for (kind, address, holders) in asked.iter().filter(|(.., holders)| *holders > 1) {
            let is_about = |review: &&Review| {
                review.open.review.kind == *kind && review.open.review.value == *address
            };
            let review = open.iter().find(is_about);
            let review =
                review.unwrap_or_else(|| panic!("{seed}: no question of {kind} {address}"));
            assert!(
                review.lookups.count == 1 && review.lookups.last_ticket.is_some(),
                "{seed}: {kind}"
            );
            assert!(!review.is_from_lookups() || review.customers().len() as i64 == *holders);
        }
        from_lookups += open.iter().filter(|review| review.is_from_lookups()).count();

        let mut decided = Vec::new();
        for _ in 0..12 {
            let open = all(&app).await;
            let Some(review) = (!open.is_empty()).then(|| rng.pick(&open)) else { break };
            let answers = [ReviewAnswer::Same, ReviewAnswer::Different, ReviewAnswer::Shared];
            let answer = *rng.pick(&answers);
            let done = match review.act(answer) {
                Ok(act) => app.decide(act).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(_) => {
                    decided_of_lookups += usize::from(review.is_from_lookups());
                    decided.push(review.id.clone());
                }
                Err(DecisionError::Storage(error)) => panic!("{error}"),
                Err(_) => {}
            }
        }
        let left = counted(&all(&app).await);
        let are_back = |left: &[(String, u64)]| left.iter().any(|(id, _)| decided.contains(id));
        assert!(!are_back(&left), "{seed}: decided");
        // The sources say everything again, in another order.
        truncate(app.pool(), &[&DECIDED[..], &["lookup_history", "given_ids"]].concat()).await;
        let order = rng.shuffled((0..population.changes.len()).collect::<Vec<usize>>());
        for batch in batches(&population.changes, &order, rng.0, 40) {
            app.apply(batch).await;
        }
        assert_eq!(counted(&all(&app).await), left, "{seed}: replayed");
        // And everybody is looked up again.
        ask_all(&app, &asked).await;
        let again = counted(&all(&app).await);
        assert!(!are_back(&again), "{seed}: asked again");
        for (id, lookups) in left.iter().filter(|(_, lookups)| *lookups > 0) {
            assert!(again.contains(&(id.clone(), lookups + 1)), "{seed}: {id}");
        }
    }
    assert!(from_lookups > 3 && decided_of_lookups > 0, "{from_lookups} {decided_of_lookups}");
    app.stop().await;
}

/// What a source says, on a day, of a record's reference.
fn referring(record: &str, day: u8, reference: Option<&str>) -> Change {
    let at = format!("2026-11-{day}T10:00:00Z").parse().unwrap();
    let name = ("name.first".to_owned(), Some(record.into()));
    let reference = ("reference.omniotap.ticket.number".to_owned(), reference.map(Into::into));
    let fields = [name, reference].into();
    let update = Update { at, received_at: at, scope: Scope::Partial, fields };
    Change::Record { key: record.parse().unwrap(), update }
}

/// The open questions that the overview counts.
async fn needed(app: &TestApp) -> Option<i64> {
    let situation = get_situation(app.pool(), &app.brand, app.clock.now()).await.unwrap();
    situation.needs.into_iter().find_map(|row| match row.need {
        Need::Reviews(count) => Some(count.number),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_ids_follow_the_customers_as_they_are_now() {
    let app = TestApp::start_with(strict(&[], 1_000, &[])).await;
    app.apply(vec![
        referring("omniotap.contact:4711", 20, None),
        referring("omneo.profile:4711", 20, None),
        referring("omniotap.contact:one", 20, Some("777")),
        referring("omneo.profile:other", 20, Some("777")),
    ])
    .await;
    app.wait_until_current().await;
    assert_eq!(needed(&app).await, None);
    for id in ["4711", "777"] {
        let answer = app.ask(&format!("key={KEY}&primaryID={id}&ticketID=1")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]"), "{id}");
    }
    until("the lookups are written", async || all(&app).await.len() == 2).await;
    assert_eq!(needed(&app).await, Some(2), "the overview counts them");
    // One customer has the number no more: nothing is left to ask.
    app.apply(vec![referring("omneo.profile:other", 21, None)]).await;
    let open = all(&app).await;
    assert_eq!(open.len(), 1);
    let review = &open[0];
    assert_eq!(review.open.review.value, "4711");
    assert_eq!(needed(&app).await, Some(1));

    // Of very many lookups, only the last ones are counted.
    sqlx::query(
        "insert into lookup_history (brand_id, asked_at, request_id, question_hash, question_kind, status, cache, customer_keys, sources, duration_us, ticket)
        select brand_id, asked_at - make_interval(secs => n), gen_random_uuid(), question_hash, question_kind, status, cache, customer_keys, sources, duration_us, '2'
        from lookup_history, generate_series(1, 1000) as n where customer_keys = $1",
    )
    .bind(&review.open.review.customers)
    .execute(app.pool())
    .await
    .unwrap();
    let found = find(app.pool(), &app.brand, &review.id).await.unwrap().unwrap();
    assert!(found.lookups.count == 1_000 && found.lookups.is_more);
    assert_eq!(found.lookups.last_ticket.as_deref(), Some("1"));

    // Put away, it does not count. If one of its customers is gone, it cannot be put away.
    let put_away = async || {
        let now = app.clock.now();
        let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, now);
        postpone(app.pool(), &app.brand, review, days_later(now, 7), by).await.unwrap()
    };
    assert!(put_away().await);
    assert_eq!(needed(&app).await, None);
    let rows = async || {
        let query = "select count(*) from postponed_lookup_reviews";
        sqlx::query_as::<_, (i64,)>(query).fetch_one(app.pool()).await.unwrap().0
    };
    assert_eq!(rows().await, 1);
    sqlx::query("delete from postponed_lookup_reviews").execute(app.pool()).await.unwrap();
    app.decide(review.act(ReviewAnswer::Same).ok().unwrap()).await.ok().unwrap();
    assert!(!put_away().await);
    assert_eq!(rows().await, 0);
    app.stop().await;
}
