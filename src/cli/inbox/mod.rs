//! `hookpoint inbox`

mod status;

use std::sync::Arc;

use crate::storage::pool::Pool;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use uuid::Uuid;

use self::status::status;
use super::audit::{Act, ActorArguments};
use super::mask::{masked, revealed};
use super::{open, open_read_only, plain, plain_json, print_line};
use crate::app::{find_brands, open_brands};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::settings::Settings;
use crate::storage::deliveries::{
    DeliveryFilter, discard_deliveries, find_delivery, list_deliveries, replay_deliveries,
};

#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// Show counts and problems of the webhooks of each source
    Status {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
    },
    /// List deliveries, the newest first
    List {
        #[command(flatten)]
        which: FilterArguments,
        /// The most deliveries for each brand
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Show one delivery: its state, and the structure of its content
    Show {
        /// Id of the delivery, from `inbox list`
        id: Uuid,
        /// Show the content, with personal data. Writes an audit entry
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        actor: ActorArguments,
    },
    /// Apply deliveries again. Correct data stays the same
    Replay(SelectionArguments),
    /// Discard deliveries that are dead or pending: they are not applied
    Discard(SelectionArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Ids of deliveries, from `inbox list`
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    which: FilterArguments,
    #[command(flatten)]
    actor: ActorArguments,
    /// Select all deliveries. Needed if no id and no filter is given
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Only this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Only deliveries in this state. May be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,
    /// Only deliveries of this event, as `inbox list` shows it
    #[arg(long)]
    event: Option<String>,
    /// Only deliveries since this time: 2026-11-20, 2026-11-20T09:30:00Z, or an age: 30m, 6h, 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only deliveries before this time
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

impl FilterArguments {
    fn is_everything(&self) -> bool {
        self.source.is_none()
            && self.state.is_empty()
            && self.event.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    fn which(&self, ids: &[Uuid]) -> DeliveryFilter {
        let state = |state: &State| format!("{state:?}").to_lowercase();
        DeliveryFilter {
            ids: (!ids.is_empty()).then(|| ids.to_vec()),
            source: self.source,
            states: (!self.state.is_empty()).then(|| self.state.iter().map(state).collect()),
            event: self.event.clone(),
            since: self.since,
            until: self.until,
        }
    }
}

fn words(ids: &[Uuid]) -> String {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" ")
}

/// Parses a time, a day, or an age.
fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let span: Span = text.parse().ok()?;
        Clock::system()
            .now()
            .to_zoned(TimeZone::UTC)
            .checked_sub(span)
            .ok()
            .map(|then| then.timestamp())
    };
    let day = || {
        text.parse::<jiff::civil::Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|day| day.timestamp())
    };
    text.parse()
        .ok()
        .or_else(day)
        .or_else(ago)
        .ok_or_else(|| "not a time; write 2026-11-20, 2026-11-20T09:30:00Z or 6h".to_owned())
}

pub(crate) async fn run(command: InboxCommand, settings: Settings) -> anyhow::Result<()> {
    let names = crate::cli::names_of(&settings.brands);
    let is_read_only = match &command {
        InboxCommand::Status { .. } | InboxCommand::List { .. } => true,
        InboxCommand::Show { reveal, .. } => !reveal,
        InboxCommand::Replay(_) | InboxCommand::Discard(_) => false,
    };
    let database =
        if is_read_only { open_read_only(&settings).await? } else { open(&settings).await? };
    let brands = if is_read_only {
        find_brands(&database, settings.brands).await?
    } else {
        open_brands(&database, settings.brands).await?
    };
    let (pool, now) = (&database.pool, Clock::system().now());
    let of = |slug: &Option<String>| {
        let mut wanted: Vec<Arc<Brand>> = brands
            .values()
            .filter(|brand| slug.as_ref().is_none_or(|slug| *slug == brand.rules.slug))
            .cloned()
            .collect();
        wanted.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
        if wanted.is_empty() {
            Err(anyhow::anyhow!("there is no such brand in the settings; brands: {names}"))
        } else {
            Ok(wanted)
        }
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
        InboxCommand::Show { id, reveal, actor } => {
            show(pool, &of(&None)?, *id, reveal.then_some(actor)).await?
        }
        InboxCommand::Replay(some) | InboxCommand::Discard(some) => {
            let is_selected = !some.ids.is_empty() || !some.which.is_everything() || some.all;
            anyhow::ensure!(
                is_selected,
                "select deliveries: by ids, --source, --state, --event, --since, --until, or --all"
            );
            let which = some.which.which(&some.ids);
            let mut count = 0_u64;
            for brand in of(&some.which.brand)? {
                let is_discard = matches!(command, InboxCommand::Discard(_));
                let target = if some.ids.is_empty() {
                    "selected by filter".to_owned()
                } else {
                    words(&some.ids)
                };
                let act = Act {
                    action: if is_discard { "discard deliveries" } else { "replay deliveries" },
                    records: None,
                    target,
                };
                let entry = some.actor.begin(pool, &brand, act).await?;
                let of_brand = if is_discard {
                    discard_deliveries(pool, brand.id(), &which, now).await?
                } else {
                    replay_deliveries(pool, brand.id(), &which, now).await?
                };
                entry.end(&format!("deliveries: {of_brand}")).await?;
                count = count.saturating_add(of_brand);
            }
            match command {
                InboxCommand::Discard(_) => print_line(&format!("Discarded: {count}.")),
                _ => print_line(&format!(
                    "To be applied again: {count}. A running service starts at once; `hookpoint inbox status` shows pending ones."
                )),
            }
        }
    }
    database.close().await;
    Ok(())
}

async fn list(
    pool: &Pool,
    brand: &Brand,
    which: &DeliveryFilter,
    limit: u32,
) -> anyhow::Result<()> {
    let rows = list_deliveries(pool, brand.id(), which, limit).await?;
    print_line(&format!(
        "{}: {}\n",
        brand.rules.slug,
        if rows.is_empty() { "no matching deliveries" } else { "the newest first" }
    ));
    if !rows.is_empty() {
        print_line(&format!(
            "  {:<38}{:<21}{:<10}{:<11}{:>5}  {}",
            "id", "received (UTC)", "source", "state", "tries", "event and note"
        ));
    }
    for row in rows {
        let (at, note) = (
            row.received_at.strftime("%F %T").to_string(),
            if row.note.is_empty() { String::new() } else { format!("  {}", row.note) },
        );
        print_line(&plain(&format!(
            "  {:<38}{at:<21}{:<10}{:<11}{:>5}  {}{note}",
            row.delivery_id.to_string(),
            row.source,
            row.state,
            row.attempts,
            row.event
        )));
    }
    Ok(())
}

async fn show(
    pool: &Pool,
    brands: &[Arc<Brand>],
    id: Uuid,
    reveal: Option<&ActorArguments>,
) -> anyhow::Result<()> {
    let mut found = None;
    for brand in brands {
        found = found.or(find_delivery(pool, brand.id(), id).await?.map(|row| (brand, row)));
    }
    let (brand, row) =
        found.context("there is no delivery with this id; `hookpoint inbox list` shows the ids")?;
    if let Some(actor) = reveal {
        let act = Act { action: "reveal delivery", records: None, target: id.to_string() };
        actor.begin(pool, brand, act).await?.end("shown").await?;
    }
    let (listed, reveal) = (&row.listed, reveal.is_some());
    let time = |at: Timestamp| at.strftime("%F %T UTC").to_string();
    for (name, value) in [
        ("brand", brand.rules.slug.clone()),
        ("source", listed.source.clone()),
        ("event", listed.event.clone()),
        ("received", time(listed.received_at)),
        ("state", listed.state.clone()),
        ("note", listed.note.clone()),
        ("tries", listed.attempts.to_string()),
        ("next try", if listed.state == "pending" { time(listed.due_at) } else { "-".to_owned() }),
    ] {
        print_line(&plain(&format!("{name:<10}{value}")));
    }
    for (name, value) in &row.headers {
        print_line(&plain(&format!("{name}: {}", if reveal { value } else { "‹text›" })));
    }
    print_line("");
    let body = if reveal { revealed(&row.body) } else { masked(&row.body) };
    print_line(&if serde_json::from_slice::<serde::de::IgnoredAny>(&row.body).is_ok() {
        plain_json(&body)
    } else {
        body.lines().map(plain).collect::<Vec<_>>().join("\n")
    });
    if !reveal {
        print_line("\nThe content is masked; --reveal shows it.");
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
}
