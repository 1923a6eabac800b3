//! A brand's shop: a database of the test's own, a settings file, and the command beside it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookpoint::app::open_brands;
use hookpoint::brand::Brand;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::ingest::apply::apply;
use hookpoint::settings::Settings;
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use jiff::Timestamp;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use crate::cluster;
use crate::command::{RunEnd, Running, Scratch, command, run};

pub struct Shop {
    runtime: tokio::runtime::Runtime,
    pub scratch: Scratch,
    pub settings: PathBuf,
    pub database: String,
}

/// Runs one statement or several.
pub async fn execute(options: &PgConnectOptions, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut connection = options.clone().disable_statement_logging().connect().await?;
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await?;
    rows.iter().map(|row| row.try_get::<String, _>(0)).collect()
}

impl Shop {
    /// A database without anything in it.
    pub fn empty() -> Self {
        Self::with("")
    }

    /// The same with more in its settings, where SECRET is the path of a file with a secret.
    pub fn with(more: &str) -> Self {
        Self::on(more, cluster::empty_database())
    }

    /// A database with its schema and its brand.
    pub fn open() -> Self {
        let shop = Self::on("", cluster::database());
        shop.apply(Vec::new());
        shop
    }

    fn on(more: &str, database: impl Future<Output = String>) -> Self {
        let scratch = Scratch::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let database = runtime.block_on(database);
        let secret = scratch.file("secret", "known-to-few", 0o600);
        let more = more.replace("SECRET", &format!("{secret:?}"));
        let settings = scratch.settings(&scratch.0.join("no-server"), &more);
        Self { runtime, scratch, settings, database }
    }

    pub fn url(&self) -> String {
        let socket = cluster::socket_directory();
        format!("postgres://hookpoint@localhost/{}?host={}", self.database, socket.display())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.settings, arguments);
        command.env("DATABASE_URL", self.url());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> RunEnd {
        run(&mut self.command(arguments))
    }

    pub fn serve(&self) -> Running {
        Running::serve(&mut self.command(&["serve"]))
    }

    /// Values of one column.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        self.runtime.block_on(execute(&cluster::connect_options(&self.database), sql)).unwrap()
    }

    pub fn sql(&self, sql: &str) {
        let ran = self.runtime.block_on(execute(
            &cluster::connect_options(&self.database),
            &format!("{sql}; select '' where false"),
        ));
        ran.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    pub fn suppression_file(&self) -> PathBuf {
        self.scratch.0.join("suppressions.jsonl")
    }

    /// Does something with the store, as a part of the service would.
    pub fn with_brand<T>(
        &self,
        work: impl AsyncFnOnce(&Database, &Brand, &SuppressionFile) -> T,
    ) -> T {
        let size =
            PoolSize { connections: 2, acquire_timeout: Duration::from_secs(30), statement: None };
        let rules = Settings::load(Some(&self.settings)).unwrap().brands;
        let work = async {
            let database =
                Database::open(&Place::Server(Url::from_environment(self.url())), size, false)
                    .await
                    .unwrap();
            hookpoint::storage::migrate(&database.pool).await.unwrap();
            let brand: Arc<Brand> =
                open_brands(&database.pool, rules).await.unwrap().into_values().next().unwrap();
            let done =
                work(&database, &brand, &SuppressionFile::new(self.suppression_file())).await;
            database.close().await;
            done
        };
        self.runtime.block_on(Box::pin(work))
    }

    /// What sources say.
    pub fn apply(&self, changes: Vec<Change>) {
        self.with_brand(async |database, brand, _| {
            apply(&database.pool, brand, changes).await.unwrap();
        });
    }

    /// A copy of the database as it is now.
    pub fn back_up(&self) -> String {
        self.sql(
            "select pg_terminate_backend(pid)::text from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        );
        self.runtime.block_on(cluster::copy_of(&self.database))
    }

    /// Goes on with a copy.
    pub fn restore(&mut self, copy: String) {
        self.database = copy;
    }

    /// Every row of every table, bytes as text.
    pub fn dump(&self) -> String {
        let tables = self.texts("select table_name::text from information_schema.tables where table_schema = 'public' order by 1");
        assert!(tables.len() > 20, "{tables:?}");
        let rows = tables
            .iter()
            .map(|table| format!("(select string_agg(each::text, chr(10)) from {table} as each)"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        self.texts(&format!("select concat_ws(chr(10), {rows})")).remove(0)
    }
}

fn update(fields: &[(&str, &str)]) -> Update {
    let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some(json!(value)))).collect();
    Update { at, received_at: at, scope: Scope::Partial, fields }
}

/// What a source says of somebody.
pub fn record(kind: SourceKind, id: &str, fields: &[(&str, &str)]) -> Change {
    Change::Record { key: RecordKey::new(kind, id).unwrap(), update: update(fields) }
}

/// A booking of somebody's.
pub fn booking(id: &str, owner: &str) -> Change {
    let fields = [
        ("record", owner),
        ("occurred_at", "2026-11-24T12:30:00Z"),
        ("data.activity", "Styling session"),
        ("data.status", "confirmed"),
    ];
    Change::Event {
        key: EventKey::new(Source::OmniLab, "booking", id).unwrap(),
        update: update(&fields),
    }
}

/// Anna, with a booking, and Bert, whom nothing here is about.
pub fn anna_and_bert() -> Vec<Change> {
    let anna = [
        ("name.first", "Anna"),
        ("name.last", "Verburg"),
        ("email.main", "anna@example.org"),
        ("phone.main", "+31612312311"),
    ];
    let bert = [
        ("name.first", "Bert"),
        ("name.last", "Kuipers"),
        ("email.main", "bert@example.org"),
        ("phone.main", "+31612312322"),
    ];
    vec![
        record(SourceKind::OmnioTapContact, "crm-1", &anna),
        record(SourceKind::OmnioTapContact, "crm-2", &bert),
        booking("bk_anna", "omniotap.contact:crm-1"),
        booking("bk_bert", "omniotap.contact:crm-2"),
    ]
}
