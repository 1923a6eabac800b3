//! The receipt of an erasure, for good. It names nobody, so people may keep it.

use serde::Serialize;

use crate::admin::erasure_reason::ErasureReason;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownRecord;
use crate::console::visit::Visit;
use crate::customer::model::source::Source;
use crate::sources::webhook_setup;
use crate::storage::erasures::{PastErasure, find_past_erasures};

#[derive(Serialize)]
struct ErasurePage {
    erasure_id: String,
    /// The path of the receipt alone.
    path: String,
    at: ShownTime,
    is_complete: bool,
    revoked: Option<ShownTime>,
    /// Who erased. `None` if the audit log does not have it.
    by: Option<String>,
    reason: Option<String>,
    records: u64,
    events: u64,
    deliveries: u64,
    suppressions: u64,
    /// The sources that still have the person: for who erased. For others, all that may have it.
    sources: Vec<String>,
    /// Only for who erased.
    namesakes: Vec<Namesake>,
    /// Whether there are more than these.
    more_namesakes: bool,
}

/// A record that was kept, although it has the same name and an address in common.
#[derive(Serialize)]
struct Namesake {
    record: ShownRecord,
    kind: String,
    why: String,
}

/// The receipt. The person who just erased sees more, in the session in which they did it.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let wanted = [visit.uuid()?].into();
    let found = find_past_erasures(visit.pool(), visit.brand.id(), &wanted).await?;
    let PastErasure {
        erasure_id,
        erased_at,
        completed_at,
        revoked_at,
        counts,
        suppressions,
        done_by,
        reason,
    } = found.into_iter().next().ok_or(Refusal::NotFound)?;
    let is_of_this = visit.form.value("erasure") == erasure_id.to_string();
    let shown_once = |name: &str| if is_of_this { visit.form.values(name) } else { Vec::new() };
    let page = ErasurePage {
        erasure_id: erasure_id.to_string(),
        path: visit.path(&format!("/erasures/{erasure_id}")),
        at: visit.time(erased_at),
        is_complete: completed_at.is_some(),
        revoked: revoked_at.map(|at| visit.time(at)),
        by: done_by,
        // Only one of the list: an older version stored what somebody typed.
        reason: reason.filter(|reason| ErasureReason::parse(reason).is_some()),
        records: counts.records,
        events: counts.events,
        deliveries: counts.deliveries,
        suppressions,
        sources: match shown_once("source").as_slice() {
            [] => Source::ALL.map(|source| webhook_setup(source).name.to_owned()).into(),
            own => own.iter().map(|name| (*name).to_owned()).collect(),
        },
        namesakes: if is_of_this { namesakes(visit) } else { Vec::new() },
        more_namesakes: shown_once("more").first().is_some_and(|more| !more.is_empty()),
    };
    visit.page("erasure.html", ("/customers", "Receipt of an erasure"), &page)
}

fn namesakes(visit: &Visit) -> Vec<Namesake> {
    let form = &visit.form;
    let rows = form.values("namesake").into_iter().zip(form.values("kind"));
    let shown = rows.zip(form.values("why")).filter_map(|((record, kind), why)| {
        let record = visit.shown_record(&record.parse().ok()?, "");
        Some(Namesake { record, kind: kind.to_owned(), why: why.to_owned() })
    });
    shown.collect()
}
