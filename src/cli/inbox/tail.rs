//! `hookpoint inbox tail`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::brand::Brand;
use crate::cli::output::{plain_json, print_line, print_plain};
use crate::cli::serve::ShutdownSignal;
use crate::cli::session::Session;
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
    /// Print each line as JSON
    #[arg(long)]
    json: bool,
}

/// The pause between two looks into the inbox.
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
    let mut is_first = true;
    loop {
        for brand in &mut followed {
            let lines = brand.look(session, arguments.source).await?;
            let print = |row: &TailRow| print_row(&brand.brand, row, arguments.json);
            lines.iter().filter(|_| !is_first).for_each(print);
        }
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

/// The deliveries of a brand that were already printed.
struct Followed {
    brand: Arc<Brand>,
    printed: BTreeMap<Uuid, (String, i32)>,
}

impl Followed {
    const fn new(brand: Arc<Brand>) -> Self {
        Self { brand, printed: BTreeMap::new() }
    }

    /// The deliveries that are new or have another state than at the last look.
    async fn look(
        &mut self,
        session: &Session,
        source: Option<Source>,
    ) -> anyhow::Result<Vec<TailRow>> {
        let pool = &session.database.pool;
        let since = database_now(pool, None).await?.saturating_sub(MAX_DELAY)?;
        let pending = self.printed.iter().filter(|(_, (state, _))| state == "pending");
        let watched: Vec<Uuid> = pending.map(|(id, _)| *id).rev().take(MAX_WATCHED).collect();
        let mut rows =
            list_tail(pool, self.brand.id(), source, (since, &watched), MAX_ROWS).await?;
        let state = |row: &TailRow| (row.state.clone(), row.attempts);
        rows.retain(|row| self.printed.get(&row.delivery_id) != Some(&state(row)));
        // Older ones are not read again, unless they are pending.
        let oldest = first_id_at(since);
        self.printed.retain(|id, (state, _)| *id >= oldest || state == "pending");
        self.printed.extend(rows.iter().map(|row| (row.delivery_id, state(row))));
        Ok(rows)
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
    let note = if row.note.is_empty() { String::new() } else { format!("  {}", row.note) };
    print_plain(&format!(
        "{}  {}  {slug}  {:<9} {:<10} tries {}  {}{note}",
        at(row.received_at),
        row.delivery_id,
        row.source,
        row.state,
        row.attempts,
        row.event
    ));
}
