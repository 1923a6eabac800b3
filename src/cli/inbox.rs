//! `hookpoint inbox`

use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use sqlx::PgPool;
use uuid::Uuid;

use super::mask::{masked, revealed};
use super::{open, plain, say};
use crate::app::open_brands;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::collect::inbox::watch::{Watch, watch};
use crate::customer::kind::Source;
use crate::settings::Settings;
use crate::storage::deliveries::{Which, count_deliveries, discard_deliveries, find_delivery, list_deliveries, replay_deliveries};

#[derive(Debug, Subcommand)]
pub(super) enum InboxCommand {
    /// How each source's webhooks are doing, and what is wrong
    Status {
        /// Only of this brand
        #[arg(long)]
        brand: Option<String>,
    },
    /// Deliveries, the newest first
    List {
        #[command(flatten)]
        which: WhichArguments,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// One delivery: what became of it, and the shape of what it holds
    Show {
        /// The id that `inbox list` shows
        id: Uuid,
        /// Show what it holds, personal data included
        #[arg(long)]
        reveal: bool,
    },
    /// Apply deliveries again; what was right stays as it is
    Replay(SomeArguments),
    /// Give deliveries up that are dead or still wait
    Discard(SomeArguments),
}

#[derive(Debug, Args)]
pub(super) struct SomeArguments {
    /// The ids that `inbox list` shows
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    which: WhichArguments,
    /// All there are, if nothing else is said
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct WhichArguments {
    /// Only of this brand
    #[arg(long)]
    brand: Option<String>,
    /// Only of this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Only in this state; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,
    /// Only about this, as the list names it
    #[arg(long)]
    event: Option<String>,
    /// Only what came then or later: 2026-11-20, 2026-11-20T09:30:00Z, or how long ago: 30m, 6h, 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only what came before then
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Pending,
    Done,
    Dead,
    Discarded,
}

impl WhichArguments {
    fn is_everything(&self) -> bool {
        self.source.is_none() && self.state.is_empty() && self.event.is_none() && self.since.is_none() && self.until.is_none()
    }

    fn which(&self, ids: &[Uuid]) -> Which {
        let state = |state: &State| format!("{state:?}").to_lowercase();
        Which {
            ids: (!ids.is_empty()).then(|| ids.to_vec()),
            source: self.source,
            states: (!self.state.is_empty()).then(|| self.state.iter().map(state).collect()),
            event: self.event.clone(),
            since: self.since,
            until: self.until,
        }
    }
}

/// A time, a day, or how long ago.
fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let span: Span = text.parse().ok()?;
        Clock::system().now().to_zoned(TimeZone::UTC).checked_sub(span).ok().map(|then| then.timestamp())
    };
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse().ok().or_else(day).or_else(ago).ok_or_else(|| "write it as 2026-11-20, 2026-11-20T09:30:00Z or 6h".to_owned())
}

pub(super) async fn run(command: InboxCommand, settings: Settings) -> anyhow::Result<()> {
    let names = super::names_of(&settings.brands);
    let database = open(&settings).await?;
    let brands = open_brands(&database, settings.brands).await?;
    let (pool, now) = (&database.pool, Clock::system().now());
    let of = |slug: &Option<String>| {
        let mut wanted: Vec<Arc<Brand>> =
            brands.values().filter(|brand| slug.as_ref().is_none_or(|slug| *slug == brand.rules.slug)).cloned().collect();
        wanted.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
        if wanted.is_empty() { Err(anyhow::anyhow!("there is no such brand in the settings; brands: {names}")) } else { Ok(wanted) }
    };
    match &command {
        InboxCommand::Status { brand } => {
            for brand in of(brand)? {
                status(pool, &brand, now).await?;
            }
        }
        InboxCommand::List { which, limit } => {
            for brand in of(&which.brand)? {
                list(pool, &brand, &which.which(&[]), *limit).await?;
            }
        }
        InboxCommand::Show { id, reveal } => show(pool, &of(&None)?, *id, *reveal).await?,
        InboxCommand::Replay(some) | InboxCommand::Discard(some) => {
            let is_said = !some.ids.is_empty() || !some.which.is_everything() || some.all;
            anyhow::ensure!(is_said, "say which: ids, --source, --state, --event, --since, --until, or --all");
            let which = some.which.which(&some.ids);
            let mut count = 0_u64;
            for brand in of(&some.which.brand)? {
                count = count.saturating_add(match command {
                    InboxCommand::Discard(_) => discard_deliveries(pool, brand.id(), &which, now).await?,
                    _ => replay_deliveries(pool, brand.id(), &which, now).await?,
                });
            }
            match command {
                InboxCommand::Discard(_) => say(&format!("Discarded: {count}.")),
                _ => say(&format!("To be applied again: {count}. A running service does so at once; `hookpoint inbox status` shows what waits.")),
            }
        }
    }
    database.close().await;
    Ok(())
}

async fn status(pool: &PgPool, brand: &Brand, now: Timestamp) -> anyhow::Result<()> {
    say(&format!("{}\n", brand.rules.slug));
    say(&format!(
        "  {:<9} {:<11}{:>9}{:>8}{:>8}{:>7}{:>8}{:>8}{:>6}{:>11}{:>12}",
        "source", "verified by", "received", "refused", "pending", "oldest", "done", "retried", "dead", "last came", "usual gap"
    ));
    let counts = count_deliveries(pool, brand.id()).await?;
    let watches = watch(pool, brand).await?;
    for watch in &watches {
        let of_source = || counts.iter().filter(|(source, ..)| source == watch.source.as_str());
        let done: i64 = of_source().filter(|(_, state, ..)| state == "done").map(|(_, _, count, _)| count).sum();
        let retried: i64 = of_source().map(|(.., retried)| retried).sum();
        let oldest = watch.oldest_pending_at.map_or_else(|| "-".to_owned(), |at| span(now.duration_since(at)));
        let silence = watch.silence(now).map_or_else(|| "never".to_owned(), |silence| format!("{} ago", span(silence)));
        let usual = watch.usual_silence.map_or_else(|| "-".to_owned(), |usual| format!("up to {}", span(usual)));
        say(&format!(
            "  {:<9} {:<11}{:>9}{:>8}{:>8}{oldest:>7}{done:>8}{retried:>8}{:>6}{silence:>11}{usual:>12}",
            watch.source.as_str(),
            watch.proof.unwrap_or("-"),
            watch.door.accepted,
            watch.door.refused,
            watch.pending,
            watch.dead
        ));
    }
    say("");
    watches.iter().flat_map(|watch| remarks(watch, now)).for_each(|remark| say(&format!("  {remark}")));
    Ok(())
}

/// What somebody should do something about.
fn remarks(watch: &Watch, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    let name = watch.source.as_str();
    match watch.proof {
        None => remarks.push(format!("{name}: not connected: its webhooks get 503 until sources.{name}.webhook says how they are verified")),
        Some("none") => remarks.push(format!("{name}: not verified: whoever knows the URL can write into this brand (verification = \"none\")")),
        Some(_) => {}
    }
    if watch.is_failing() {
        let since = watch.door.refused_since.map_or_else(String::new, |at| format!(" since {}", at.strftime("%F %T UTC")));
        remarks.push(format!("{name}: the last {} were all refused{since}: its secret is probably another one here", watch.door.refused_in_a_row));
    }
    if watch.dead > 0.0 {
        remarks.push(format!("{name}: {} could not be applied: `hookpoint inbox list --source {name} --state dead` says why", watch.dead));
    }
    if watch.silence_ratio(now).is_some_and(|ratio| ratio > 3.0) {
        remarks.push(format!("{name}: silent for much longer than usual: does it still send to the right URL?"));
    }
    remarks
}

/// `45s`, `12m`, `5h`, `3d`
fn span(time: SignedDuration) -> String {
    match time.as_secs().max(0) {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

async fn list(pool: &PgPool, brand: &Brand, which: &Which, limit: u32) -> anyhow::Result<()> {
    let rows = list_deliveries(pool, brand.id(), which, limit).await?;
    say(&format!("{}: {}\n", brand.rules.slug, if rows.is_empty() { "no such deliveries" } else { "the newest first" }));
    if !rows.is_empty() {
        say(&format!("  {:<38}{:<21}{:<10}{:<11}{:>5}  {}", "id", "received (UTC)", "source", "state", "tries", "about, and what came of it"));
    }
    for row in rows {
        let (at, remark) =
            (row.received_at.strftime("%F %T").to_string(), if row.remark.is_empty() { String::new() } else { format!("  {}", row.remark) });
        say(&plain(&format!(
            "  {:<38}{at:<21}{:<10}{:<11}{:>5}  {}{remark}",
            row.delivery_id.to_string(),
            row.source,
            row.state,
            row.attempts,
            row.event
        )));
    }
    Ok(())
}

async fn show(pool: &PgPool, brands: &[Arc<Brand>], id: Uuid, reveal: bool) -> anyhow::Result<()> {
    let mut found = None;
    for brand in brands {
        found = found.or(find_delivery(pool, brand.id(), id).await?.map(|row| (brand, row)));
    }
    let (brand, row) = found.context("there is no delivery with that id")?;
    let listed = &row.listed;
    let time = |at: Timestamp| at.strftime("%F %T UTC").to_string();
    for (name, value) in [
        ("brand", brand.rules.slug.clone()),
        ("source", listed.source.clone()),
        ("about", listed.event.clone()),
        ("received", time(listed.received_at)),
        ("state", listed.state.clone()),
        ("remark", listed.remark.clone()),
        ("tries", listed.attempts.to_string()),
        ("next try", if listed.state == "pending" { time(listed.due_at) } else { "-".to_owned() }),
    ] {
        say(&plain(&format!("{name:<10}{value}")));
    }
    for (name, value) in &row.headers {
        say(&plain(&format!("{name}: {}", if reveal { value } else { "‹text›" })));
    }
    say("");
    let body = if reveal { revealed(&row.body) } else { masked(&row.body) };
    body.lines().for_each(|line| say(&plain(line)));
    if !reveal {
        say("\nWhat it holds is masked; --reveal shows it.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("2026-11-20"), Ok("2026-11-20T00:00:00Z".parse().unwrap()));
        assert_eq!(time("2026-11-20T09:30:00Z"), Ok("2026-11-20T09:30:00Z".parse().unwrap()));
        for ago in ["30m", "6h", "7d"] {
            assert!(time(ago).is_ok(), "{ago}");
        }
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn durations_are_short() {
        let texts = [0, 119, 120, 7_200, 200_000].map(|seconds| span(SignedDuration::from_secs(seconds)));
        assert_eq!(texts, ["0s", "119s", "2m", "2h", "2d"]);
    }
}
