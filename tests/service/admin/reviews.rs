//! Open questions that lookups raise: the same ones in any order of arrival, and never again what is decided.

use hookpoint::admin::decisions::DecisionError;
use hookpoint::admin::reviews::{Review, ReviewAnswer, list};

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
