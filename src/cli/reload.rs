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
use crate::storage::replicas::{ReloadRow, list_replicas, request_reload};

/// How long to wait for the replicas.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether they are done.
const PAUSE: Duration = Duration::from_millis(200);

/// What became of the reload on a replica.
#[derive(Debug, Serialize)]
struct Reloaded {
    host: String,
    address: String,
    version: String,
    reloaded: bool,
    problems: Vec<String>,
    needs_restart: Vec<String>,
}

/// Asks all running replicas to read their settings again, and prints what became of it.
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
    let asked: Vec<Uuid> = ids(&list_replicas(pool).await?);
    let request = Uuid::now_v7();
    request_reload(pool, request).await?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let mut rows = list_replicas(pool).await?;
        rows.retain(|row| asked.contains(&row.replica.replica_id));
        let is_open = |row: &ReloadRow| row.request == Some(request) && row.outcome.is_none();
        if !rows.iter().any(is_open) || Instant::now() > deadline {
            return Ok(rows.into_iter().map(|row| Reloaded::of(row, request)).collect());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn ids(rows: &[ReloadRow]) -> Vec<Uuid> {
    rows.iter().map(|row| row.replica.replica_id).collect()
}

impl Reloaded {
    fn of(row: ReloadRow, request: Uuid) -> Self {
        let ReloadRow { replica, request: last, outcome } = row;
        let (problems, needs_restart) = match outcome.filter(|_| last == Some(request)) {
            Some(outcome) => (outcome.problems, outcome.needs_restart),
            None if last == Some(request) => {
                (vec![format!("no result within {} s", TIMEOUT.as_secs())], Vec::new())
            }
            None => (vec!["another reload was requested at the same time".to_owned()], Vec::new()),
        };
        let (host, address, version) = (replica.host, replica.address, replica.version);
        Self { host, address, version, reloaded: problems.is_empty(), problems, needs_restart }
    }

    fn print(&self) {
        let name = plain(&format!("{} ({})", self.host, self.address));
        if self.reloaded {
            print_line(&format!("{name}: reloaded"));
        } else {
            print_error(&format!("{name}: not reloaded; it goes on with its former settings"));
        }
        self.problems.iter().for_each(|problem| print_error(&plain(&format!("  {problem}"))));
        if !self.needs_restart.is_empty() {
            let settings = self.needs_restart.join(", ");
            print_line(&format!("  Needs a restart: {settings}"));
        }
    }
}
