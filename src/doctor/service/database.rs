//! Checks of the database.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::check::ServiceCheck;
use crate::clock::Clock;
use crate::doctor::finding::{Finding, Observation};
use crate::storage::StorageError;
use crate::storage::database::{Database, OpenError};
use crate::storage::database_facts::{DatabaseFacts, get_database_facts, has_current_schema};

/// How far the clocks may be apart.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(2);

/// How far they are apart when keys and webhooks fail.
const WRONG_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// The findings when the database could not be opened.
#[must_use]
pub fn check_open_error(error: &OpenError) -> Vec<Finding> {
    let answers = ServiceCheck::Database.found(Observation::pass("it answers"));
    let text = error.to_string();
    match error {
        OpenError::TooOld(..) => {
            vec![answers, ServiceCheck::DatabaseVersion.found(Observation::fail(text))]
        }
        OpenError::PooledByTransaction(_) => vec![
            answers,
            ServiceCheck::DatabaseVersion.found(Observation::pass("new enough")),
            ServiceCheck::DatabasePooler.found(Observation::fail(text)),
        ],
        OpenError::Embedded(_) | OpenError::Storage(_) | OpenError::Url { .. } => {
            vec![ServiceCheck::Database.found(Observation::fail(text))]
        }
    }
}

/// Checks a database that is open. A replica needs that many connections.
pub async fn check_database(database: &Database, needed: usize, clock: &Clock) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        (ServiceCheck::Database, "it answers"),
        (ServiceCheck::DatabaseVersion, "new enough"),
        (ServiceCheck::DatabasePooler, "sessions are kept"),
    ]
    .map(|(check, seen)| check.found(Observation::pass(seen)))
    .into();
    findings.push(check_exposure(database.exposure()));
    let before = clock.now();
    let facts = get_database_facts(&database.pool).await;
    let between = (before, clock.now());
    match &facts {
        Ok(facts) => findings.extend(check_facts(facts, needed, between)),
        Err(error) => findings.push(ServiceCheck::DatabaseRights.found(failed(error))),
    }
    let schema = has_current_schema(&database.pool).await;
    findings.push(ServiceCheck::DatabaseSchema.found(match &schema {
        Ok(true) => Observation::pass("current"),
        Ok(false) => Observation::warn("migrations are missing"),
        Err(error) => failed(error),
    }));
    let logs = database.logs_values().await;
    findings.push(ServiceCheck::DatabaseLog.found(match &logs {
        Ok(false) => Observation::pass("no statements with values"),
        Ok(true) => Observation::warn("it logs statements or plans with values"),
        Err(error) => failed(error),
    }));
    findings
}

/// Judges what an attacker in the network could do.
#[must_use]
pub fn check_exposure(exposure: Option<&'static str>) -> Finding {
    ServiceCheck::DatabaseTls.found(match exposure {
        None => Observation::pass("protected, or on this machine"),
        Some(exposure) => Observation::warn(exposure),
    })
}

fn failed(error: &StorageError) -> Observation {
    Observation::fail(error.to_string())
}

/// Judges the facts. They were read between two times of this machine's clock.
#[must_use]
pub fn check_facts(
    facts: &DatabaseFacts,
    needed: usize,
    between: (Timestamp, Timestamp),
) -> Vec<Finding> {
    let rights = match (facts.may_create, facts.foreign_tables) {
        (false, _) => Observation::fail("the role may not create tables in the schema"),
        (true, 0) => Observation::pass("it may create tables, and owns all"),
        (true, tables) => Observation::fail(format!("tables that the role does not own: {tables}")),
    };
    let durability = if facts.is_durable {
        Observation::pass("yes")
    } else {
        Observation::warn("fsync, full_page_writes or synchronous_commit is off")
    };
    vec![
        ServiceCheck::DatabaseRights.found(rights),
        ServiceCheck::DatabaseConnections.found(connections(facts.connections, needed)),
        ServiceCheck::DatabaseDurability.found(durability),
        ServiceCheck::Clock.found(clocks(facts.now, between)),
    ]
}

fn connections(allowed: i64, needed: usize) -> Observation {
    let allowed = usize::try_from(allowed).unwrap_or_default();
    let replicas = allowed.checked_div(needed).unwrap_or_default();
    let seen = format!(
        "a replica needs {needed} connections, and Postgres allows {allowed}: enough for {replicas}"
    );
    match replicas {
        0 => Observation::fail(seen),
        // A replica that is replaced runs beside its successor for a moment.
        1 => Observation::warn(seen),
        _ => Observation::pass(seen),
    }
}

fn clocks(of_postgres: Timestamp, (before, after): (Timestamp, Timestamp)) -> Observation {
    let ahead = of_postgres.duration_since(after);
    let behind = before.duration_since(of_postgres);
    let difference = ahead.max(behind).max(SignedDuration::ZERO).unsigned_abs();
    let seen = format!("seconds between the clocks: {}", difference.as_secs());
    if difference > WRONG_CLOCK_DIFFERENCE {
        Observation::fail(seen)
    } else if difference > MAX_CLOCK_DIFFERENCE {
        Observation::warn(seen)
    } else {
        Observation::pass("they agree")
    }
}
