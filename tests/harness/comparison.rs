//! Compares the customers in two databases, and the answers of two services.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Answer, Load, RequestGenerator};
use super::{KEY, Shop};

/// The compared data: all stored facts, and everything derived from them. A webhook about a booking has no timestamp,
/// so only its content is compared.
const ROWS: [(&str, &str); 11] = [
    ("customers", "select customer_key, customer_id from customers"),
    ("customer_records", "select record_key, customer_key from customer_records"),
    ("customer_addresses", "select kind, address, customer_key from customer_addresses"),
    ("answers", "select customer_key, settings_hash, body from answers"),
    ("reviews", "select level, kind, value, conflict, customer_keys from match_reviews"),
    // The time of receipt differs between runs.
    (
        "records",
        "select record_key, regexp_replace((state::jsonb - 'deletion_received_at')::text, ', \"delay_us\": [0-9]+', '', 'g') as state, live from records",
    ),
    ("identifiers", "select record_key, kind, value, links, source_kind, name_key from identifiers"),
    ("shared_values", "select kind, value from shared_values"),
    ("source_merges", "select loser_key, winner_key, merged_at from source_merges"),
    (
        "events",
        "select event_key, live, record_key, occurred_at, case source when 'syncaroo'
            then (select json_object_agg(name, said -> 'value' order by name)::text from json_each(state -> 'fields') as field (name, said))
            else regexp_replace((state::jsonb - 'deletion_received_at')::text, ', \"delay_us\": [0-9]+', '', 'g') end as state from events",
    ),
    ("event_references", "select value, namespace, event_key from event_references"),
];

/// A description of the differences between two brands, and the number of equal rows.
pub async fn differences(one: &Shop, other: &Shop) -> (Vec<String>, usize) {
    differences_but(one, other, &[]).await
}

/// Like [`differences`], without some tables.
pub async fn differences_but(one: &Shop, other: &Shop, but: &[&str]) -> (Vec<String>, usize) {
    let (mut found, mut same) = (Vec::new(), 0);
    for (table, query) in ROWS.into_iter().filter(|(table, _)| !but.contains(table)) {
        let [one, other] = [rows(one, query).await, rows(other, query).await];
        same += one.intersection(&other).count();
        let only = |rows: &BTreeSet<String>, than: &BTreeSet<String>| {
            rows.difference(than).take(2).cloned().collect::<Vec<_>>().join("\n    ")
        };
        if one != other {
            let counts = (one.difference(&other).count(), other.difference(&one).count());
            found.push(format!(
                "{table}: {} rows only here, {} only in the calm run\n    {}\n  against\n    {}",
                counts.0,
                counts.1,
                only(&one, &other),
                only(&other, &one)
            ));
        }
    }
    (found, same)
}

/// All stored facts and everything derived from them, as rows of text.
pub async fn snapshot(shop: &Shop) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (table, query) in ROWS {
        all.extend(rows(shop, query).await.into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}

async fn rows(shop: &Shop, query: &str) -> BTreeSet<String> {
    let query =
        format!("select row_to_json(line)::text from ({query} where brand_id = $1) as line");
    let rows: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(shop.brand.id())
        .fetch_all(&shop.database.pool)
        .await
        .unwrap();
    rows.into_iter().map(|(row,)| row).collect()
}

/// Lookups of every address and id of a brand.
pub async fn questions(shop: &Shop) -> Vec<Vec<u8>> {
    let query = "select kind, address from customer_addresses where brand_id = $1 and kind in ('email', 'telephone')
        union select kind, value from identifiers where brand_id = $1 and kind in ('email', 'telephone')
        union select 'id', customer_id from customers where brand_id = $1
        union select 'id', split_part(record_key, ':', 2) from customer_records where brand_id = $1
        union select 'id', value from event_references where brand_id = $1
        order by 1, 2";
    let known: Vec<(String, String)> =
        sqlx::query_as(query).bind(shop.brand.id()).fetch_all(&shop.database.pool).await.unwrap();
    let question = |(kind, value): (String, String)| {
        let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
        let asked = match kind.as_str() {
            "email" => format!("channelAddressType=email&address={value}"),
            "telephone" => format!("channelAddressType=phoneNumber&address={value}"),
            _ => format!("primaryID={value}"),
        };
        format!(
            "GET /omnidesk/customerlookup?key={KEY}&{asked} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        .into_bytes()
    };
    known.into_iter().map(question).collect()
}

/// Sends each lookup once, and keeps the answers.
struct Everything {
    questions: Arc<Vec<Vec<u8>>>,
    answers: Vec<Vec<u8>>,
}

impl RequestGenerator for Everything {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.questions[n as usize]);
    }

    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        self.answers[n as usize] = answer.body.to_vec();
        answer.status == 200
    }
}

/// A small number, so that no lookup misses its deadline behind others on a busy machine.
const CONNECTIONS: u32 = 8;

/// A service's answers to the lookups. An error describes failed lookups.
pub async fn answers(
    address: SocketAddr,
    questions: &Arc<Vec<Vec<u8>>>,
) -> Result<Vec<Vec<u8>>, String> {
    let asker =
        Everything { questions: Arc::clone(questions), answers: vec![Vec::new(); questions.len()] };
    let load = Load::as_fast_as_possible(address, Duration::from_secs(600))
        .over(CONNECTIONS)
        .requests(questions.len() as u64);
    let (figures, asker) = load.start(asker).wait().await;
    if figures.is_right() { Ok(asker.answers) } else { Err(figures.describe()) }
}
