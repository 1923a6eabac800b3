//! Jobs about many webhooks: first they are counted, then somebody decides, then the page shows the progress.

use serde::Serialize;

use super::inbox_filter::Filters;
use crate::admin::delivery_jobs::{MAX_COUNTED, cancel, count_for_job, work_off_part};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::delivery_jobs::{DeliveryJob, JobState, find_job};
use crate::storage::seen_deliveries::DeliveryAct;

/// A job in a list.
#[derive(Serialize)]
pub(super) struct ShownJob {
    path: String,
    act: &'static str,
    selection: String,
    state: &'static str,
    tone: &'static str,
    counted: i64,
    changed: i64,
    begun: Option<ShownTime>,
    by: String,
}

impl ShownJob {
    pub(super) fn new(visit: &Visit, job: &DeliveryJob) -> Self {
        let (state, tone) = state_words(job.state);
        Self {
            path: visit.path(&format!("/inbox/jobs/{}", job.job_id)),
            act: act_words(job.act),
            selection: visit.with_own_times(&job.selection),
            state,
            tone,
            counted: job.counted,
            changed: job.changed,
            begun: job.begun_at.map(|at| visit.time(at)),
            by: job.begun_by.clone(),
        }
    }
}

const fn state_words(state: JobState) -> (&'static str, &'static str) {
    match state {
        JobState::Counted => ("counted", "neutral"),
        JobState::Running => ("running", "warn"),
        JobState::Done => ("done", "good"),
        JobState::Cancelled => ("cancelled", "neutral"),
    }
}

const fn act_words(act: Option<DeliveryAct>) -> &'static str {
    match act {
        Some(DeliveryAct::Replay) => "Replay",
        Some(DeliveryAct::Discard) => "Discard",
        None => "",
    }
}

#[derive(Serialize)]
struct JobPage {
    /// The path of this page, with the filters of the inbox.
    path: String,
    /// The path of its acts.
    acts: String,
    query: String,
    /// The inbox, with its filters.
    inbox: String,
    job: ShownJob,
    is_counted: bool,
    is_running: bool,
    discardable: i64,
    /// The most that are counted, if more match.
    cut_at: Option<i64>,
    skipped: i64,
    finished: i64,
    counted_at: ShownTime,
    ended: Option<ShownTime>,
    reason: String,
}

async fn job(visit: &Visit) -> Result<DeliveryJob, Refusal> {
    let job = find_job(visit.pool(), visit.brand.id(), visit.uuid()?).await?;
    job.ok_or(Refusal::NotFound)
}

/// A job.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let job = job(visit).await?;
    let query = Filters::read(&visit.query).query(None);
    let acts = visit.path(&format!("/inbox/jobs/{}", job.job_id));
    let page = JobPage {
        path: format!("{acts}{query}"),
        acts,
        inbox: visit.path(&format!("/inbox{query}")),
        query,
        job: ShownJob::new(visit, &job),
        is_counted: job.state == JobState::Counted,
        is_running: job.state == JobState::Running,
        discardable: job.discardable,
        cut_at: job.is_cut.then_some(MAX_COUNTED),
        skipped: job.skipped,
        finished: job.changed.saturating_add(job.skipped),
        counted_at: visit.time(job.counted_at),
        ended: job.ended_at.map(|at| visit.time(at)),
        reason: job.reason,
    };
    let title = match job.act {
        Some(DeliveryAct::Replay) => "Replay of webhooks",
        Some(DeliveryAct::Discard) => "Discard of webhooks",
        None => "Webhooks that match",
    };
    visit.page("delivery_job.html", ("/inbox", title), &page)
}

/// Counts the webhooks that match the filters of the inbox.
pub(super) async fn count(visit: &Visit) -> Result<Reply, Refusal> {
    let (filters, now) = (Filters::read(&visit.query), visit.now());
    let filter = filters.delivery_filter(now);
    let job_id = count_for_job(visit.pool(), &visit.brand, &filter, now).await?;
    Ok(Reply::Redirect(visit.path(&format!("/inbox/jobs/{job_id}{}", filters.query(None)))))
}

/// Refuses to discard webhooks without a reason.
pub(super) fn needs_reason(visit: &Visit) -> Result<(), Refusal> {
    if !visit.form.value("reason").is_empty() {
        return Ok(());
    }
    let text = "Write a reason: discarded webhooks are not applied, and somebody may ask why.";
    Err(Refusal::Mistake(text.to_owned()))
}

/// Begins to replay or discard the webhooks that were counted.
pub(super) async fn begin(visit: &Visit) -> Result<Reply, Refusal> {
    let act = match visit.form.value("act") {
        "replay" => DeliveryAct::Replay,
        "discard" => {
            needs_reason(visit)?;
            DeliveryAct::Discard
        }
        _ => return Err(Refusal::Mistake("Choose what to do with the webhooks.".to_owned())),
    };
    let (job, pool, now) = (job(visit).await?, visit.pool(), visit.now());
    let attribution = visit.attribution();
    let begun =
        crate::admin::delivery_jobs::begin(pool, &visit.brand, (&job, act), attribution, now);
    if !begun.await? {
        let text =
            "Somebody decided about these webhooks before. Open the job again to see its progress.";
        return Err(Refusal::Changed(text.to_owned()));
    }
    // A small job is done before its page is shown again. The service does the rest.
    work_off_part(pool, &visit.brand, Some(job.job_id), now).await?;
    let now = find_job(pool, visit.brand.id(), job.job_id).await?;
    let is_done = now.is_some_and(|now| now.state == JobState::Done);
    Ok(back(visit, if is_done { "job-done" } else { "job-begun" }))
}

/// Cancels a job that runs.
pub(super) async fn stop(visit: &Visit) -> Result<Reply, Refusal> {
    let (job, by) = (job(visit).await?, (visit.attribution(), visit.now()));
    let cancelled = cancel(visit.pool(), &visit.brand, job.job_id, by).await?;
    Ok(back(visit, if cancelled { "job-cancelled" } else { "nothing" }))
}

fn back(visit: &Visit, done: &str) -> Reply {
    let query = Filters::read(&visit.query).query(None);
    visit.redirect(&visit.path(&format!("/inbox/jobs/{}{query}", visit.id)), done)
}
