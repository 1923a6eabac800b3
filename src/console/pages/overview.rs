//! What needs a person now, what is left to connect, and how much goes on.

use jiff::Timestamp;
use serde::Serialize;

use super::overview_words::{ShownNeed, ShownStep, shown_need, shown_step};
use crate::admin::attention::get_situation;
use crate::admin::first_steps::list_steps;
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;
use crate::storage::bounded_counts::{RecentCount, count_recent_deliveries, count_recent_lookups};

#[derive(Serialize)]
struct OverviewPage {
    path: String,
    needs: Vec<ShownNeed>,
    /// Empty if all steps are done.
    steps: Vec<ShownStep>,
    rates: Vec<Rate>,
}

/// How much of something happened in the last day.
#[derive(Serialize)]
struct Rate {
    name: &'static str,
    number: String,
    details: Vec<String>,
}

/// What needs a person now.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let (pool, brand, now) = (visit.pool(), &visit.brand, visit.now());
    let situation = get_situation(pool, brand, now).await?;
    let backfills = visit.console.file.sync.backfill;
    let steps = list_steps(pool, brand, &situation, backfills, now).await?;
    let is_complete = steps.iter().all(|(_, is_done)| *is_done);
    let lookups = count_recent_lookups(pool, brand.id(), now).await?;
    let deliveries = count_recent_deliveries(pool, brand.id(), now).await?;
    let page = OverviewPage {
        path: visit.path("/"),
        needs: situation.needs.iter().map(|row| shown_need(visit, row)).collect(),
        steps: if is_complete {
            Vec::new()
        } else {
            steps.into_iter().map(|step| shown_step(visit, step)).collect()
        },
        rates: vec![
            rate("Lookups", "failed on our side", &lookups, now),
            rate("Webhooks", "could not be applied", &deliveries, now),
        ],
    };
    visit.page("overview.html", ("/", "Overview"), &page)
}

fn rate(name: &'static str, failed: &str, count: &RecentCount, now: Timestamp) -> Rate {
    let mut details = Vec::new();
    if count.all.is_more {
        details.extend(count.first_at.and_then(|first| per_minute(count.all.number, first, now)));
    }
    if count.all.number > 0 {
        details.push(match count.failed {
            0 => format!("none {failed}"),
            number => format!("{number} {failed}"),
        });
    }
    let milliseconds = |us: i32| f64::from(us) / 1_000.0;
    let usual = count.usual_us.filter(|_| count.all.number > 0).map(milliseconds);
    details.extend(usual.map(|ms| format!("95 % within {ms:.1} ms")));
    let number = match count.all.is_more {
        true => "more than 10,000".to_owned(),
        false => count.all.number.to_string(),
    };
    Rate { name, number, details }
}

/// The rate of the newest ones, if more than those were not counted.
fn per_minute(number: i64, first: Timestamp, now: Timestamp) -> Option<String> {
    let seconds = now.duration_since(first).as_secs().max(1);
    let rate = number.checked_mul(60)?.checked_div(seconds)?;
    Some(format!("lately {rate} a minute"))
}
