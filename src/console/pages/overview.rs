//! What needs a person now.

use serde::Serialize;

use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;

#[derive(Serialize)]
struct OverviewPage {}

/// What needs a person now.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    visit.page("overview.html", ("/", "Overview"), &OverviewPage {})
}
