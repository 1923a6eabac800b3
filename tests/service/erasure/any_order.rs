//! An erasure at any point of any order of changes.

use super::*;

/// Random changes about the person and the partner. Every record of the person has the address that only the person
/// has.
fn population(rng: &mut Rng) -> Vec<Change> {
    let mut changes = Vec::new();
    // Two records of a unique kind would be two people.
    let kinds = &SourceKind::ALL[1..];
    for n in 0..14_i64 {
        let kind = *rng.pick(kinds);
        let id = format!("own-{}", rng.roll(4));
        let phone = *rng.pick(&[PHONE, SHARED_PHONE]);
        let fields = [
            ("name.first", "Erasmina"),
            ("name.last", "Kwikstaart"),
            ("email.main", EMAIL),
            ("phone.main", phone),
        ];
        changes.push(record(kind, &id, n, &fields[rng.roll(2)..]));
        changes.push(ticket(&format!("t{n}"), &format!("{kind}:{id}"), &format!("N{n}")));
        let kind = *rng.pick(kinds);
        let id = format!("other-{}", rng.roll(4));
        let (first, email) = *rng.pick(&[
            ("Bertolf", PARTNER),
            ("Bertolf", SHARED_MAILBOX),
            ("Jan", "jan@example.org"),
        ]);
        changes.push(record(
            kind,
            &id,
            n,
            &[("name.first", first), ("email.main", email), ("phone.main", SHARED_PHONE)],
        ));
        changes.push(ticket(&format!("o{n}"), &format!("{kind}:{id}"), &format!("M{n}")));
    }
    changes.extend([
        merge("own-8", "own-9"),
        merge("own-9", "erase-profile-0002"),
        merge("other-0", "other-1"),
    ]);
    rng.shuffled(changes)
}

async fn apply_all(pool: &Pool, brand: &Brand, changes: &[Change], rng: &mut Rng) {
    let mut rest = changes;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at((1 + rng.roll(5)).min(rest.len()));
        apply(pool, brand, batch.to_vec()).await.unwrap();
        rest = later;
    }
}

#[tokio::test]
async fn erasing_in_the_middle_of_any_order_ends_as_erasing_at_the_end() {
    for seed in 0..4 {
        let mut rng = Rng(seed);
        let changes = population(&mut rng);
        let [middle, end] = [TestApp::start().await, TestApp::start().await];
        // Both are stored by then: an address of one cannot become known as the other's as well.
        let known = [person(), partner()].concat();
        for app in [&middle, &end] {
            app.apply(known.clone()).await;
        }
        let (before, after) = changes.split_at(rng.roll(changes.len()));
        apply_all(middle.pool(), &middle.brand, before, &mut rng).await;
        erase_person(&middle).await;
        apply_all(middle.pool(), &middle.brand, after, &mut rng).await;
        apply_all(end.pool(), &end.brand, &changes, &mut rng).await;
        assert_eq!(end.by_email(EMAIL).await.len(), 1, "seed {seed}: the person is one customer");
        erase_person(&end).await;
        assert_same_facts(
            &end,
            &middle,
            &format!("seed {seed}, after {} of {} changes", before.len(), changes.len()),
        )
        .await;
        middle.stop().await;
        end.stop().await;
    }
}
