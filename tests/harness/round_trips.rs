//! Very many people, and the cost of a change among them: round trips, and full table scans.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::storage::pool::Pool;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Fills an empty brand with `people`, each a profile and a contact that share an e-mail address and a phone number,
/// with a purchase. Each had another profile before. Decisions say that every tenth person differs from the next one.
/// Derived data is stored as well.
pub async fn fill(pool: &Pool, brand_id: i32, people: u32) {
    let said = |fields: &str| {
        format!(
            "format('{{\"fields\":{{{fields}}},\"first_at\":\"2026-01-01T00:00:00Z\",\"asserted_at\":\"2026-01-01T00:00:00Z\"}}', n, lpad(n::text, 8, '0'))::json"
        )
    };
    let field = |name: &str, value: &str| {
        format!("\"{name}\":{{\"at\":\"2026-01-01T00:00:00Z\",\"value\":\"{value}\"}}")
    };
    let person = [
        ("name.first", "Anna"),
        ("name.last", "Person%1$s"),
        ("email.main", "p%1$s@example.org"),
        ("phone.main", "+316%2$s"),
    ];
    let person = said(&person.map(|(name, value)| field(name, value)).join(","));
    let event = said(
        &[("record", "omneo.profile:p%1$s"), ("occurred_at", "2026-01-01T00:00:00Z")]
            .map(|(name, value)| field(name, value))
            .join(","),
    );
    let body = "json_build_object('addresses', json_build_array(), 'customerFirstname', 'Anna', 'customerID', 'p' || n, 'filler', repeat('x', 1000))::text";
    let statements = [
        format!(
            "insert into records select {brand_id}, kind || ':p' || n, {person}, true from people, kinds"
        ),
        format!(
            "insert into identifiers select {brand_id}, kind || ':p' || n, 'email', 'p' || n || '@example.org', true, kind, 'anna' || chr(31) || 'person' || n from people, kinds"
        ),
        format!(
            "insert into identifiers select {brand_id}, kind || ':p' || n, 'telephone', '+316' || lpad(n::text, 8, '0'), true, kind, 'anna' || chr(31) || 'person' || n from people, kinds"
        ),
        format!(
            "insert into events select {brand_id}, 'omneo.transaction:t' || n, {event}, true, 'omneo.profile:p' || n, '2026-01-01Z', 'omneo', 'omneo.transaction', 't' || n from people"
        ),
        format!(
            "insert into event_references select {brand_id}, 'order-' || n, 'omneo.transaction.number', 'omneo.transaction:t' || n from people"
        ),
        format!(
            "insert into source_merges select {brand_id}, 'omneo.profile:old' || n, 'omneo.profile:p' || n, '2026-01-01Z' from people"
        ),
        format!(
            "insert into decisions select {brand_id}, gen_random_uuid(), 'omneo.profile:p' || n, 'omneo.profile:p' || (n + 1), false, 'test', 'test', '2026-01-01Z' from people where n % 10 = 0"
        ),
        format!(
            "insert into confirmed_addresses select {brand_id}, gen_random_uuid(), 'omnilab.participant:p' || n, 'email', 'p' || n || '@example.org', 'test', 'test', '2026-01-01Z' from people"
        ),
        format!(
            "insert into given_ids select {brand_id}, 'omneo.profile:p' || n, 'omneo:p' || n, '2026-01-01Z' from people where n % 10 = 0"
        ),
        format!(
            "insert into erasures (brand_id, erasure_id, erased_at, completed_at) values ({brand_id}, '00000000-0000-0000-0000-000000000001', '2026-01-01Z', '2026-01-01Z')"
        ),
        format!(
            "insert into suppression_hashes select {brand_id}, sha256(convert_to('erased' || n, 'UTF8')), '00000000-0000-0000-0000-000000000001' from people"
        ),
        format!(
            "insert into customers select {brand_id}, 'omneo.profile:p' || n, 'omneo:p' || n from people"
        ),
        format!(
            "insert into customer_records select {brand_id}, kind || ':p' || n, 'omneo.profile:p' || n from people, kinds"
        ),
        format!(
            "insert into customer_records select {brand_id}, 'omneo.profile:old' || n, 'omneo.profile:p' || n from people"
        ),
        format!(
            "insert into customer_addresses (brand_id, kind, address, customer_key) select {brand_id}, 'email', 'p' || n || '@example.org', 'omneo.profile:p' || n from people"
        ),
        format!(
            "insert into customer_addresses (brand_id, kind, address, customer_key) select {brand_id}, 'telephone', '+316' || lpad(n::text, 8, '0'), 'omneo.profile:p' || n from people"
        ),
        format!(
            "insert into answers select {brand_id}, 'omneo.profile:p' || n, decode(repeat('00', 16), 'hex'), {body} from people"
        ),
    ];
    for statement in statements {
        let statement = format!(
            "with people (n) as (select generate_series(1, {people})), kinds (kind) as (values ('omneo.profile'), ('omniotap.contact')) {}",
            statement.replacen("insert", "\ninsert", 1)
        );
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await.unwrap();
    }
    sqlx::raw_sql("vacuum analyze").execute(pool).await.unwrap();
}

/// An update of a contact.
pub fn contact(id: &str, minute: i64, fields: &[(&str, &str)]) -> Change {
    let at = jiff::Timestamp::from_second(1_780_000_000 + minute * 60).unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect();
    Change::Record {
        key: RecordKey::new(SourceKind::OmnioTapContact, id).unwrap(),
        update: Update { at, received_at: at, scope: Scope::Partial, fields },
    }
}

/// The number of full scans of tables with people.
pub async fn sequential_scans(pool: &Pool) -> Vec<(String, i64)> {
    let query = "select relname::text, coalesce(seq_scan, 0) from pg_stat_user_tables where relname not in ('brands', 'api_keys', '_sqlx_migrations') order by 1";
    sqlx::query_as(query).fetch_all(pool).await.unwrap()
}

/// The number of rows read, in tables and through indexes. A connection reports its statistics when it closes.
pub async fn rows_read(pool: &Pool) -> i64 {
    let query = "select ((select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables)
        + (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes))::bigint";
    let (rows,): (i64,) = sqlx::query_as(query).fetch_one(pool).await.unwrap();
    rows
}

/// A proxy to Postgres's socket that counts round trips, and can hold back notifications.
#[derive(Debug)]
#[allow(dead_code, reason = "benchmarks only count")]
pub struct CountingProxy {
    trips: Arc<AtomicUsize>,
    mute: Arc<AtomicBool>,
}

impl CountingProxy {
    /// Opens the proxy in `directory` for the server whose socket is in `server`.
    pub fn open(directory: &Path, server: &Path) -> Self {
        const SOCKET: &str = ".s.PGSQL.5432";
        std::fs::create_dir_all(directory).unwrap();
        let _ = std::fs::remove_file(directory.join(SOCKET));
        let listener = UnixListener::bind(directory.join(SOCKET)).unwrap();
        let (trips, mute, server) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)), server.join(SOCKET));
        let (counted, muted) = (Arc::clone(&trips), Arc::clone(&mute));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let (asking, counted) = (Arc::new(AtomicBool::new(false)), Arc::clone(&counted));
                let asked = Arc::clone(&asking);
                let (listens, muted) = (Arc::new(AtomicBool::new(false)), Arc::clone(&muted));
                let listening = Arc::clone(&listens);
                tokio::spawn(pass(from_client, to_server, move |bytes| {
                    if bytes.windows(6).any(|word| word == b"LISTEN") {
                        listening.store(true, Ordering::SeqCst);
                    }
                    // The pool's check of a returned connection delays nobody, so it does not count.
                    if bytes != b"S\0\0\0\x04" && !asked.swap(true, Ordering::SeqCst) {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    true
                }));
                tokio::spawn(pass(from_server, to_client, move |_| {
                    asking.store(false, Ordering::SeqCst);
                    !(muted.load(Ordering::SeqCst) && listens.load(Ordering::SeqCst))
                }));
            }
        });
        Self { trips, mute }
    }

    #[allow(dead_code, reason = "benchmarks only count")]
    /// Holds back all data for connections that listen for notifications. They stay open, as if the network had lost
    /// them.
    pub fn mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::SeqCst);
    }

    pub fn trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }
}

/// Passes bytes on, except those that `on_bytes` keeps.
pub async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    on_bytes: impl Fn(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if on_bytes(&buffer[..read]) && to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
