//! `hookpoint inbox tail`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::list::{event_and_note, tried};
use crate::brand::Brand;
use crate::cli::output::{plain, plain_json, print_error, print_line, print_plain};
use crate::cli::serve::ShutdownSignal;
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::source::Source;
use crate::storage::database::database_now;
use crate::storage::delivery_queue::first_id_at;
use crate::storage::delivery_tail::{TailRow, list_tail};

#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Only this source
    #[arg(long)]
    source: Option<Source>,
    /// Print each delivery as JSON, in one line
    #[arg(long)]
    json: bool,
}

/// The pause between two queries of the inbox.
const PAUSE: Duration = Duration::from_secs(1);

/// A delivery may become visible this long after the time in its id, because replicas have different clocks.
const MAX_DELAY: SignedDuration = SignedDuration::from_secs(30);

/// The most deliveries of a brand that are read at once.
const MAX_ROWS: u32 = 2_000;

/// The most pending deliveries of a brand that are watched.
const MAX_WATCHED: usize = 1_000;

/// Prints the deliveries of the selected brands, until a signal arrives.
pub(super) async fn tail(session: &Session, arguments: &TailArguments) -> anyhow::Result<()> {
    let mut signal = ShutdownSignal::listen()?;
    let mut followed: Vec<Followed> =
        session.select(arguments.brand.as_deref())?.into_iter().map(Followed::new).collect();
    let (mut is_first, mut has_failed) = (true, false);
    loop {
        let mut failure = None;
        for brand in &mut followed {
            match brand.poll(session, arguments.source).await {
                Ok(seen) if !is_first => seen.print(&brand.brand, arguments.json),
                Ok(_) => {}
                Err(error) if is_first => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        // The database may come back, for instance after a failover.
        if let Some(error) = failure.as_ref().filter(|_| !has_failed) {
            print_error(&format!(
                "hookpoint: {error}\nOutput continues when the database answers."
            ));
        }
        has_failed = failure.is_some();
        if is_first && !arguments.json {
            print_line("Waiting for deliveries. Ctrl-C ends this.");
        }
        is_first = false;
        tokio::select! {
            () = signal.received() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// A brand, and what was printed of it.
struct Followed {
    brand: Arc<Brand>,
    printed: Printed,
    /// The time of the last query that worked, by the clock of the database.
    last_query_at: Option<Timestamp>,
}

impl Followed {
    fn new(brand: Arc<Brand>) -> Self {
        Self { brand, printed: Printed::default(), last_query_at: None }
    }

    /// The deliveries that are new or have another state than at the last query.
    async fn poll(&mut self, session: &Session, source: Option<Source>) -> anyhow::Result<Seen> {
        let pool = &session.database.pool;
        let now = database_now(pool, None).await?;
        let since = self.last_query_at.unwrap_or(now).min(now).saturating_sub(MAX_DELAY)?;
        let watched = self.printed.watched();
        let rows = list_tail(pool, self.brand.id(), source, (since, &watched), MAX_ROWS).await?;
        self.last_query_at = Some(now);
        Ok(self.printed.add(rows, first_id_at(since)))
    }
}

/// What a query found.
struct Seen {
    rows: Vec<TailRow>,
    /// Whether there is more than what is printed.
    leaves_out: bool,
}

impl Seen {
    fn print(&self, brand: &Brand, json: bool) {
        self.rows.iter().for_each(|row| print_row(brand, row, json));
        if self.leaves_out {
            print_error(&format!(
                "{}: there are too many deliveries, so some lines are missing here. `hookpoint inbox list` has all.",
                brand.rules.slug
            ));
        }
    }
}

/// The state and the attempts of the deliveries that were already printed.
#[derive(Default)]
struct Printed(BTreeMap<Uuid, (String, i32)>);

impl Printed {
    /// The newest pending deliveries.
    fn watched(&self) -> Vec<Uuid> {
        let pending = self.0.iter().rev().filter(|(_, (state, _))| state == "pending");
        pending.map(|(id, _)| *id).take(MAX_WATCHED).collect()
    }

    /// Takes rows that were read. Returns those that are new or have another state. Forgets those that are older than
    /// `oldest` and not watched, because they are not read again.
    fn add(&mut self, mut rows: Vec<TailRow>, oldest: Uuid) -> Seen {
        // The oldest of the new ones that were read, if that many were read. If it is known, those before it are too.
        let most = usize::try_from(MAX_ROWS).unwrap_or(usize::MAX);
        let mut recent = rows.iter().rev().filter(|row| row.delivery_id >= oldest);
        let last = recent.nth(most.saturating_sub(1));
        let are_cut = last.is_some_and(|row| !self.0.contains_key(&row.delivery_id));
        let state = |row: &TailRow| (row.state.clone(), row.attempts);
        rows.retain(|row| self.0.get(&row.delivery_id) != Some(&state(row)));
        self.0.extend(rows.iter().map(|row| (row.delivery_id, state(row))));
        let last_watched = self.watched().last().copied();
        let mut are_unwatched = false;
        self.0.retain(|id, (state, _)| {
            let is_pending = state == "pending";
            let is_kept =
                *id >= oldest || (is_pending && last_watched.is_some_and(|last| *id >= last));
            are_unwatched |= is_pending && !is_kept;
            is_kept
        });
        Seen { rows, leaves_out: are_cut || are_unwatched }
    }
}

fn print_row(brand: &Brand, row: &TailRow, json: bool) {
    let slug = brand.rules.slug.as_str();
    let at = |time: Timestamp| time.strftime("%F %T").to_string();
    if json {
        let line = json!({
            "brand": slug,
            "id": row.delivery_id,
            "received_at": row.received_at,
            "source": row.source,
            "event": row.event,
            "state": row.state,
            "attempts": row.attempts,
            "note": row.note,
        });
        print_line(&plain_json(&line.to_string()));
        return;
    }
    print_plain(&format!(
        "{}  {}  {:<8}  {}",
        at(row.received_at),
        row.delivery_id,
        row.source,
        row.state
    ));
    let event = event_and_note(&row.event, &tried(&row.state, row.attempts), &row.note);
    print_wrapped(&plain(&format!("    {slug}: {}", event.trim_start())), 6);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u128, state: &str) -> TailRow {
        TailRow {
            delivery_id: Uuid::from_u128(id),
            source: String::new(),
            event: String::new(),
            received_at: Timestamp::UNIX_EPOCH,
            state: state.to_owned(),
            attempts: 0,
            note: String::new(),
        }
    }

    #[test]
    fn only_the_newest_pending_deliveries_are_remembered_and_the_others_are_reported() {
        let mut printed = Printed::default();
        let first = printed.add((1..=1_000).map(|id| row(id, "pending")).collect(), Uuid::nil());
        assert_eq!((first.rows.len(), first.leaves_out), (1_000, false));
        let later = Uuid::from_u128(2_000);
        let same = printed.add((1..=1_000).map(|id| row(id, "pending")).collect(), later);
        assert_eq!((same.rows.len(), same.leaves_out), (0, false));
        let more = printed.add(vec![row(2_000, "pending")], later);
        assert_eq!((more.rows.len(), more.leaves_out), (1, true));
        assert_eq!(printed.0.len(), MAX_WATCHED);
        let done = printed.add(vec![row(500, "done")], later);
        assert_eq!((done.rows.len(), done.leaves_out), (1, false));
    }

    #[test]
    fn more_new_deliveries_than_are_read_at_once_are_reported() {
        let rows = || (1..=u128::from(MAX_ROWS)).map(|id| row(id, "done")).collect::<Vec<_>>();
        let mut printed = Printed::default();
        assert!(printed.add(rows(), Uuid::nil()).leaves_out);
        assert!(!printed.add(rows(), Uuid::nil()).leaves_out, "all are known");
    }
}
