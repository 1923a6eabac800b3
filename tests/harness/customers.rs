//! Many generated customers, each determined by its number, and lookups of them.

use std::fmt::Write;

use hookpoint::brand::Brand;
use hookpoint::customer::answer::{Address, Answer, CustomField, TimelineItem};
use hookpoint::storage::pool::Pool;
use sqlx::PgConnection;

const FIRST: [&str; 8] = ["Anna", "Bram", "Chiara", "Daan", "Esra", "Femke", "Gijs", "Hanna"];
const LAST: [&str; 8] =
    ["Bakker", "de Boer", "Dijkstra", "Jansen", "Mulder", "Peters", "Smit", "Visser"];
const TIERS: [&str; 4] = ["Bronze", "Silver", "Gold", "Platinum"];
const COLORS: [&str; 4] = ["orange", "blue", "green", "red"];
const PLACES: [&str; 4] =
    ["Amsterdam Negen Straatjes", "Utrecht Oudegracht", "Rotterdam Markthal", "Den Haag Passage"];

pub fn email(n: u64) -> String {
    format!("c{n}@example.org")
}

pub fn phone(n: u64) -> String {
    format!("+316{n:08}")
}

/// The key of the customer's only record, which is also the customer's key.
fn record_key(n: u64) -> String {
    format!("omneo.profile:c{n:07}")
}

/// The `n`-th of `of` customers in a random order that is the same in every run and contains each of them once before
/// it repeats: a Feistel network over the next power of four, repeated until the result is in range.
pub fn shuffled(n: u64, of: u64) -> u64 {
    let half = of.max(2).next_power_of_two().ilog2().div_ceil(2);
    let mask = (1 << half) - 1;
    let mut scanned = n % of;
    loop {
        let (mut left, mut right) = (scanned >> half, scanned & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (chance(right + (round << 48)) & mask));
        }
        scanned = left << half | right;
        if scanned < of {
            return scanned;
        }
    }
}

/// 64 bits that depend on the number only (SplitMix64).
fn chance(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pick<const N: usize>(from: [&'static str; N], chance: u64) -> &'static str {
    from[(chance % N as u64) as usize]
}

/// The answer about a customer: 5 custom fields and 10 events, about 2.7 KB.
pub fn answer(n: u64) -> Answer {
    let luck = chance(n);
    let field = |name: &str, value: String| CustomField { name: name.to_owned(), value };
    let timeline = (0..10).map(|event| {
        let luck = chance(n * 10 + event + (1 << 40));
        let id = 7_000_000 + luck % 1_000_000;
        let (euros, cents, place) = (luck % 300 + 5, luck % 100, pick(PLACES, luck >> 8));
        TimelineItem {
            external_id: id.to_string(),
            last_update: format!(
                "2026-{:02}-{:02} {:02}:{:02}:00",
                10 - event,
                luck % 28 + 1,
                luck % 12 + 9,
                luck % 60
            ),
            kind: "event".to_owned(),
            message: format!(
                "Purchase NL-2026-{:08} of EUR {euros}.{cents:02} at {place}",
                luck % 100_000_000
            ),
            source: "omneo",
            url: format!("https://demo.manager.getomneo.example/transaction/{id}"),
        }
    });
    Answer {
        addresses: vec![
            Address { address: email(n), kind: "email" },
            Address { address: phone(n), kind: "telephone" },
        ],
        customer_firstname: pick(FIRST, luck).to_owned(),
        customer_id: format!("c{n:07}"),
        customer_lastname: pick(LAST, luck >> 8).to_owned(),
        custom_fields: vec![
            field(
                "customerType",
                if luck.is_multiple_of(3) { "unlimited" } else { "regular" }.to_owned(),
            ),
            field(
                "customerSince",
                format!("20{:02}-{:02}-{:02}", luck % 26, luck % 12 + 1, luck % 28 + 1),
            ),
            field("favoriteColor", pick(COLORS, luck >> 16).to_owned()),
            field("loyaltyTier", pick(TIERS, luck >> 24).to_owned()),
            field("version", "0".to_owned()),
        ],
        timeline: timeline.collect(),
    }
}

/// The body of the response about a customer.
pub fn body(n: u64) -> Vec<u8> {
    format!("[{}]", answer(n).to_json()).into_bytes()
}

/// Loads customers into an empty brand: only the rows that a lookup reads. They have no records, so no change can be
/// applied to them.
pub async fn load(pool: &Pool, brand: &Brand, customers: u64) {
    let (mut connection, _) = pool.acquire_within().await.unwrap();
    // The references between the rows are valid. Checking each would take most of the time.
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut connection).await.unwrap();
    let hash: String =
        brand.rules.presenter.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = brand.id();
    for first in (0..customers).step_by(5_000) {
        let (mut names, mut records, mut addresses, mut answers) =
            (String::new(), String::new(), String::new(), String::new());
        for n in first..customers.min(first + 5_000) {
            let key = record_key(n);
            let _ = writeln!(names, "{id}\t{key}\tc{n:07}");
            let _ = writeln!(records, "{id}\t{key}\t{key}");
            let _ = writeln!(
                addresses,
                "{id}\temail\t{}\t{key}\tf\n{id}\ttelephone\t{}\t{key}\tf",
                email(n),
                phone(n)
            );
            let _ = writeln!(answers, "{id}\t{key}\t\\\\x{hash}\t{}", answer(n).to_json());
        }
        for (table, rows) in [
            ("customers (brand_id, customer_key, customer_id)", names),
            ("customer_records", records),
            ("customer_addresses", addresses),
            ("answers (brand_id, customer_key, settings_hash, body)", answers),
        ] {
            copy(&mut connection, table, rows).await;
        }
    }
    sqlx::raw_sql("set session_replication_role = default").execute(&mut connection).await.unwrap();
    sqlx::raw_sql("vacuum analyze").execute(&mut connection).await.unwrap();
    sqlx::raw_sql("checkpoint").execute(&mut connection).await.unwrap();
}

async fn copy(connection: &mut PgConnection, table: &str, rows: String) {
    let mut copying = connection.copy_in_raw(&format!("copy {table} from stdin")).await.unwrap();
    copying.send(rows.into_bytes()).await.unwrap();
    copying.finish().await.unwrap();
}
