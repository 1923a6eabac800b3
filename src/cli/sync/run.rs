//! `hookpoint sync run`

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sqlx::PgPool;

use super::WhichArguments;
use crate::account::Accounts;
use crate::background::Background;
use crate::brand::Brand;
use crate::cli::say;
use crate::clock::Clock;
use crate::collect::sync::{Ended, Pass, Progress, SyncError, Walker};
use crate::customer::kind::Source;
use crate::settings::SettingsFile;
use crate::sources::api::Stream;
use crate::storage::streams::list_streams;

/// How often a line is printed where there is no terminal.
const LINES: Duration = Duration::from_secs(5);

pub(super) async fn run(pool: &PgPool, brands: &[Arc<Brand>], which: &WhichArguments, file: &SettingsFile) -> anyhow::Result<()> {
    which.check()?;
    let (background, clock) = (Background::new(), Clock::system());
    let accounts = Accounts::new(pool, brands, &file.calls, &background, &clock);
    let bars = MultiProgress::new();
    let mut walks = Vec::new();
    for brand in brands {
        for source in Source::ALL.into_iter().filter(|source| which.means(*source)) {
            let Some(account) = accounts.get(brand.id(), source) else {
                if which.source.is_some() {
                    anyhow::bail!("{}: {source} is not connected: sources.{source}.api says where its API is and how it is called", brand.rules.slug);
                }
                continue;
            };
            let walker = Walker::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone());
            walks.push((walker, which.streams(brand, source)));
        }
    }
    if walks.is_empty() {
        say("No source is connected: sources.<source>.api says where its API is and how it is called.");
        return Ok(());
    }
    // Who is asked about one by one must be known first.
    let (first, then): (Vec<_>, Vec<_>) = walks.iter().partition(|(walker, streams)| streams.iter().all(|stream| walker.needs(*stream).is_none()));
    let walk_all =
        async |walks: Vec<&(Walker, Vec<Stream>)>| join_all(walks.into_iter().map(|(walker, streams)| walk_account(walker, streams, &bars))).await;
    let all = async {
        let mut broken = walk_all(first).await;
        broken.extend(walk_all(then).await);
        broken
    };
    let broken: usize = tokio::select! {
        broken = all => broken.into_iter().sum::<anyhow::Result<usize>>()?,
        _ = tokio::signal::ctrl_c() => {
            for (walker, _) in &walks {
                walker.release().await?;
            }
            say("Left where it is: `hookpoint sync run`, or the service, goes on from there.");
            0
        }
    };
    background.end().await;
    anyhow::ensure!(broken == 0, "{broken} could not be walked through");
    Ok(())
}

/// Walks through an account's streams, one after the other. Gives back how many couldn't be.
pub(in crate::cli) async fn walk_account(walker: &Walker, streams: &[Stream], bars: &MultiProgress) -> anyhow::Result<usize> {
    let mut broken: usize = 0;
    for stream in streams {
        let shown = Shown::new(walker, *stream, bars);
        let ended = loop {
            match walker.walk(*stream, Pass::Whole, &|progress| shown.tell(progress)).await {
                // Whoever walks it may be killed meanwhile: then it is our turn.
                Ok(Ended::Elsewhere) => {
                    if let Some(ended) = follow(walker, *stream, &shown).await? {
                        break ended;
                    }
                }
                Ok(ended) => break ended,
                Err(SyncError::Ending) => return Ok(broken),
                Err(error) => return Err(error.into()),
            }
        };
        broken = broken.saturating_add(usize::from(matches!(ended, Ended::Broken(_))));
        shown.end(&ended);
    }
    Ok(broken)
}

/// Shows how somebody else's pass goes, until it ends; `None` when nobody walks it any more, or it was only of what changed.
async fn follow(walker: &Walker, stream: Stream, shown: &Shown) -> anyhow::Result<Option<Ended>> {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    loop {
        let rows = list_streams(walker.pool(), walker.brand().id()).await?;
        let Some(row) = rows.into_iter().find(|row| row.source == walker.source().as_str() && row.stream == stream.name) else {
            return Ok(Some(Ended::Cancelled));
        };
        let progress = Progress { walked: count(row.walked), news: count(row.news), total: row.total.map(count) };
        shown.tell(progress);
        let (pass, is_complete) = (Pass::of(&row), row.is_complete());
        if row.finished_at.is_some() && (pass == Pass::Whole || (row.is_cancelled && !is_complete)) {
            let (gone, drift) = (count(row.gone), row.drift.filter(|_| row.is_reconcile));
            let complete = || Ended::Complete { pass, progress, gone, drift, remark: row.finding.clone() };
            return Ok(Some(if is_complete { complete() } else { Ended::Broken(row.remark.clone()) }));
        }
        if !row.is_walked(Clock::system().now()) {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A pass on the screen: a bar in a terminal, lines elsewhere.
struct Shown {
    name: String,
    bar: Option<ProgressBar>,
    begun: Mutex<Begun>,
}

struct Begun {
    at: Instant,
    walked: Option<u64>,
    said_at: Instant,
}

impl Shown {
    fn new(walker: &Walker, stream: Stream, bars: &MultiProgress) -> Self {
        let name = format!("{} {} {}", walker.brand().rules.slug, walker.source(), stream.name);
        let style = ProgressStyle::with_template("{prefix}  {wide_bar}  {human_pos} of {human_len}  {per_sec}  {eta} left").ok();
        let bar = style
            .filter(|_| std::io::stderr().is_terminal())
            .map(|style| bars.add(ProgressBar::no_length().with_style(style).with_prefix(name.clone())));
        let now = Instant::now();
        Self { name, bar, begun: Mutex::new(Begun { at: now, walked: None, said_at: now }) }
    }

    fn tell(&self, progress: Progress) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = begun.walked.is_none();
        let walked_before = *begun.walked.get_or_insert(progress.walked);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.unwrap_or(progress.walked).max(progress.walked));
            bar.set_position(progress.walked);
            if is_first {
                // What was walked before says nothing about how fast it goes.
                bar.reset_eta();
            }
        } else if begun.said_at.elapsed() >= LINES {
            begun.said_at = Instant::now();
            let walked = u32::try_from(progress.walked.saturating_sub(walked_before)).unwrap_or(u32::MAX);
            let rate = f64::from(walked) / begun.at.elapsed().as_secs_f64();
            say(&format!("{}: {}{}", self.name, amount(progress), remaining(progress, rate)));
        }
    }

    fn end(&self, ended: &Ended) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let text = match ended {
            Ended::Complete { progress, gone, drift, remark, .. } => {
                let found = drift.map_or_else(
                    || format!("{} were news", progress.news),
                    |drift| format!("{:.2} % drift: {} were not as they should be, {gone} were gone", f64::from(drift) * 100.0, progress.news),
                );
                let remark = if remark.is_empty() { String::new() } else { format!("; {remark}") };
                format!("{} walked through, {found}{remark}", progress.walked)
            }
            Ended::Cancelled => "cancelled".to_owned(),
            Ended::Elsewhere => "somebody else walks it".to_owned(),
            Ended::Broken(reason) => format!("could not be walked through: {reason}"),
        };
        say(&format!("{}: {text}", self.name));
    }
}

fn amount(progress: Progress) -> String {
    progress.total.map_or_else(|| progress.walked.to_string(), |total| format!("{} of {total}", progress.walked))
}

/// `, 58 a minute, 12 m left`
fn remaining(progress: Progress, rate: f64) -> String {
    if rate <= 0.0 {
        return String::new();
    }
    let left = progress.total.map(|total| u32::try_from(total.saturating_sub(progress.walked)).unwrap_or(u32::MAX));
    let left = left.map_or_else(String::new, |left| format!(", {} left", time(f64::from(left) / rate)));
    if rate >= 1.0 { format!(", {rate:.0} a second{left}") } else { format!(", {:.0} a minute{left}", rate * 60.0) }
}

fn time(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 5_400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_words() {
        let progress = Progress { walked: 1_000, news: 0, total: Some(10_000) };
        assert_eq!(amount(progress), "1000 of 10000");
        assert_eq!(remaining(progress, 0.5), ", 30 a minute, 5.0 h left");
        assert_eq!(remaining(progress, 100.0), ", 100 a second, 90 s left".replace("90 s", "2 min"));
        assert_eq!(remaining(progress, 0.0), "");
        assert_eq!(remaining(Progress { total: None, ..progress }, 100.0), ", 100 a second");
    }
}
