//! Changes of people. Each change has a version, and the answer shows it.

use std::time::Duration;

use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::ingest::apply::apply;

use super::connection::{Connection, Response};
use super::webhooks::{Webhook, bodies};
use super::{KEY, Shop};

/// Applies a version of a person. The first version creates the person. Versions of one person must increase.
pub async fn change(shop: &Shop, person: usize, version: u64) {
    let first_at = jiff::Timestamp::from_second(1_780_000_000).unwrap();
    let mut fields = vec![("attribute.version", version.to_string())];
    if version == 0 {
        fields.push(("name.first", "Anna".to_owned()));
        fields.push(("email.main", email(person)));
    }
    let at = first_at + Duration::from_secs(version);
    let update = Update {
        at,
        received_at: at,
        scope: Scope::Partial,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value.into())))
            .collect(),
    };
    let key = RecordKey::new(SourceKind::OmnioTapContact, &format!("p{person}")).unwrap();
    apply(&shop.database.pool, &shop.brand, vec![Change::Record { key, update }]).await.unwrap();
}

/// Settings of a brand whose answers show the version from the webhooks.
pub const BRAND: &str = "[brands.shop]\ncustom_fields = [{ name = \"version\", value = \"{{ omniotap.job_title }}\" }]\n";

/// The webhook with a version of a person. The first version creates the person.
pub fn webhook(person: usize, version: u64) -> Webhook {
    let at = jiff::Timestamp::from_second(1_780_000_000).unwrap() + Duration::from_secs(version);
    let mut fields = bodies::Fields::new();
    fields.insert("id".to_owned(), format!("p{person}").into());
    fields.insert("jobTitle".to_owned(), version.to_string().into());
    if version == 0 {
        fields.insert("firstName".to_owned(), "Anna".into());
        fields.insert("email".to_owned(), email(person).into());
    }
    bodies::omniotap(version * 1_000_000 + person as u64, "contact", "updated", at, fields)
}

fn email(person: usize) -> String {
    format!("p{person}@example.org")
}

/// The lookup request for a person.
pub fn request(person: usize) -> Vec<u8> {
    request_with(KEY, person)
}

fn request_with(key: &str, person: usize) -> Vec<u8> {
    let query = format!("key={key}&channelAddressType=email&address=p{person}%40example.org");
    format!("GET /omnidesk/customerlookup?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// The version in an answer. `None` if it is not an answer about this person.
pub fn version(person: usize, body: &[u8]) -> Option<u64> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let customer = answer.as_array().filter(|customers| customers.len() == 1)?.first()?;
    let is_right = customer["addresses"][0]["address"] == email(person);
    let version =
        customer["customFields"].as_array()?.iter().find_map(|field| field["version"].as_str())?;
    version.parse().ok().filter(|_| is_right)
}

/// Repeats a lookup until the answer shows a version, or a newer one. Returns false after the timeout.
pub async fn has_shown(
    connection: &mut Connection,
    person: usize,
    wanted: u64,
    timeout: Duration,
) -> bool {
    has_shown_to(KEY, connection, person, wanted, timeout).await
}

/// Like [`has_shown`], with another key.
pub async fn has_shown_to(
    key: &str,
    connection: &mut Connection,
    person: usize,
    wanted: u64,
    timeout: Duration,
) -> bool {
    let shows = |response: &Response<'_>| {
        version(person, response.body).is_some_and(|version| version >= wanted)
    };
    is_answered(connection, &request_with(key, person), shows, timeout).await
}

/// Waits until a replica has processed all earlier notifications. They arrive in order, and a new key is one of them.
pub async fn wait_until_current(
    shop: &Shop,
    connection: &mut Connection,
    timeout: Duration,
) -> bool {
    let key = uuid::Uuid::new_v4().simple().to_string();
    shop.open_with(&key).await;
    is_answered(connection, &request_with(&key, 0), |response| response.status == 200, timeout)
        .await
}

async fn is_answered(
    connection: &mut Connection,
    request: &[u8],
    expected: impl Fn(&Response<'_>) -> bool,
    timeout: Duration,
) -> bool {
    let asking = async {
        while !connection.ask(request).await.is_ok_and(|response| expected(&response)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(timeout, asking).await.is_ok()
}
