//! What a change costs must not depend on how many people there are.

use std::sync::Arc;

use hookpoint::collect::apply::apply;
use hookpoint::lookup::query::Question;
use hookpoint::lookup::read::{ReadRules, find};
use hookpoint::settings::file::Several;
use hookpoint::storage::database::{Database, Place, PoolSize, Url};

use crate::load::{Turnstile, contact, fill, rows_read, sequential_scans};
use crate::support::{TestApp, scratch, socket_directory, until_used_by};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_at_most_five_round_trips_and_reads_no_table_from_end_to_end() {
    let app = TestApp::start().await;
    let (brand, name, place) = (Arc::clone(&app.brand), app.database.clone(), app.place.clone());
    // Nobody else is to be counted: whoever keeps house reads what it likes.
    app.stop().await;
    let size = PoolSize { connections: 1, acquire_timeout: std::time::Duration::from_secs(10) };
    let filling = Database::open(&place, size, false).await.unwrap();
    fill(&filling.pool, brand.id(), 5_000).await;
    filling.close().await;
    until_used_by(0, &name).await;
    let counting = Database::open(&place, size, false).await.unwrap();
    let directory = scratch().join(format!("hookpoint-test-{}", std::process::id())).join("turnstile");
    let turnstile = Turnstile::open(&directory, &socket_directory());
    let place = Place::Server(Url(format!("postgres://hookpoint@localhost/{name}?host={}", directory.display())));
    let database = Database::open(&place, size, false).await.unwrap();
    // The first time, statements are prepared.
    apply(&database.pool, &brand, vec![contact("p1", 0, &[("name.first", "Anne")])]).await.unwrap();
    let (before, rows) = (sequential_scans(&counting.pool).await, rows_read(&counting.pool).await);
    let new = [("name.first", "Bo"), ("name.last", "Berg"), ("email.main", "p17@example.org"), ("phone.main", "06 99999999")];
    let frees = [("email.main", "")];
    for (what, id, fields, most) in [
        ("a name", "p2", &[("name.first", "Anne")][..], 4),
        ("a phone number", "p3", &[("phone.main", "+31699999999")], 4),
        ("somebody else's address", "p4", &[("email.main", "p5@example.org")], 4),
        ("somebody new", "new", &new, 4),
        ("somebody new with an id that another system uses", "p6000", &[("email.main", "p6@example.org")], 4),
        ("nothing", "p7", &frees, 4),
    ] {
        let trips = turnstile.trips();
        let applied = apply(&database.pool, &brand, vec![contact(id, 1, fields)]).await.unwrap();
        assert_eq!(applied.changed, 1, "{what}");
        let trips = turnstile.trips() - trips;
        assert!(trips <= most, "{what}: {trips} round trips");
    }
    // A value that ceases to be shared frees its holders: that takes one look more.
    for n in 0..6 {
        let name = format!("Name{n}");
        apply(&database.pool, &brand, vec![contact(&format!("p1{n}"), 2, &[("name.last", &name), ("phone.main", "+31688888888")])]).await.unwrap();
    }
    for (n, most) in [(0, 4), (1, 5)] {
        let trips = turnstile.trips();
        apply(&database.pool, &brand, vec![contact(&format!("p1{n}"), 3, &[("phone.main", "+31600000000")])]).await.unwrap();
        let trips = turnstile.trips() - trips;
        assert!(trips <= most, "the holder number {n}: {trips} round trips");
    }
    let rules = ReadRules { max_customers: 10, several: Several::All };
    let phone = hookpoint::customer::phone::Phone::parse_e164("+31600000100").unwrap();
    assert_eq!(find(&database.pool, &brand, &Question::Address(phone.into()), rules).await.unwrap().customers, 1);
    for id in ["omneo:p200", "p201", "t1"] {
        find(&database.pool, &brand, &Question::Id(id.to_owned()), rules).await.unwrap();
    }
    // A connection tells what it did when it ends.
    database.close().await;
    until_used_by(1, &name).await;
    assert_eq!(sequential_scans(&counting.pool).await, before);
    let rows = rows_read(&counting.pool).await - rows;
    assert!(rows < 5_000, "{rows} rows were read for 15 changes and 4 lookups, a hundred or two each");
    counting.close().await;
}
