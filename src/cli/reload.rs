//! `hookpoint reload`

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::exit::Failure;
use super::output::{JsonArguments, plain, print_error, print_json, print_line};
use super::session::open_read_only;
use crate::settings::Settings;
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::replicas::{
    ReloadOutcome, ReloadRow, ReplicaRow, list_replicas, request_reload,
};

/// How long to wait for the replicas.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether they are done.
const PAUSE: Duration = Duration::from_millis(200);

/// The result of the reload on a replica.
#[derive(Debug, Serialize)]
struct Reloaded {
    host: String,
    address: String,
    version: String,
    reloaded: bool,
    problems: Vec<String>,
    needs_restart: Vec<String>,
}

/// Asks all running replicas to read their settings again, and prints the result for each.
pub(super) async fn run(arguments: JsonArguments, settings: &Settings) -> anyhow::Result<()> {
    let database = open_read_only(settings).await?;
    let asked = ask(&database.pool).await;
    database.close().await;
    let replicas: Vec<Reloaded> = asked?;
    if arguments.json {
        print_json(&replicas)?;
    } else {
        replicas.iter().for_each(Reloaded::print);
    }
    if replicas.is_empty() {
        return Err(
            Failure::unreachable("no replica of the service runs with this database").into()
        );
    }
    let failed = replicas.iter().filter(|replica| !replica.reloaded).count();
    anyhow::ensure!(failed == 0, "not reloaded: {failed} of {} replicas", replicas.len());
    Ok(())
}

async fn ask(pool: &Pool) -> Result<Vec<Reloaded>, StorageError> {
    let asked = list_replicas(pool).await?;
    let request = Uuid::now_v7();
    request_reload(pool, request).await?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let mut rows = list_replicas(pool).await?;
        let id = |row: &ReloadRow| row.replica.replica_id;
        rows.retain(|row| asked.iter().any(|asked| id(asked) == id(row)));
        let is_open = |row: &ReloadRow| row.request == Some(request) && row.outcome.is_none();
        if !rows.iter().any(is_open) || Instant::now() > deadline {
            let is_gone = |asked: &ReloadRow| !rows.iter().any(|row| id(row) == id(asked));
            let gone: Vec<ReloadRow> = asked.into_iter().filter(is_gone).collect();
            let replicas = rows.into_iter().map(|row| Reloaded::of(row, request));
            return Ok(replicas.chain(gone.into_iter().map(Reloaded::gone)).collect());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Reloaded {
    fn of(row: ReloadRow, request: Uuid) -> Self {
        let ReloadRow { replica, request: last, outcome } = row;
        let outcome = outcome.filter(|_| last == Some(request)).unwrap_or_else(|| {
            let why = if last == Some(request) {
                format!("no result within {} s; look at its log", TIMEOUT.as_secs())
            } else {
                "another reload was requested at the same time; look at its log".to_owned()
            };
            ReloadOutcome { problems: vec![why], needs_restart: Vec::new() }
        });
        Self::new(replica, outcome)
    }

    /// A replica that ended meanwhile.
    fn gone(row: ReloadRow) -> Self {
        let problems = vec!["it ended before it had a result".to_owned()];
        Self::new(row.replica, ReloadOutcome { problems, needs_restart: Vec::new() })
    }

    fn new(replica: ReplicaRow, outcome: ReloadOutcome) -> Self {
        let (host, address, version) = (replica.host, replica.address, replica.version);
        let ReloadOutcome { problems, needs_restart } = outcome;
        Self { host, address, version, reloaded: problems.is_empty(), problems, needs_restart }
    }

    fn print(&self) {
        let name = plain(&format!("{} ({})", self.host, self.address));
        if self.reloaded {
            print_line(&format!("{name}: reloaded"));
        } else {
            print_error(&format!("{name}: not reloaded"));
        }
        self.problems.iter().for_each(|problem| print_error(&plain(&format!("  {problem}"))));
        if !self.needs_restart.is_empty() {
            let settings = self.needs_restart.join(", ");
            print_line(&format!("  Needs a restart: {settings}"));
        }
    }
}
