//! An agent reports that a customer is not, or not only, one person.

use super::reply::Refusal;
use super::state::AgentPage;
use super::token::Opened;
use crate::admin::report_customer::{Reported, report_customer};
use crate::http::form::Form;
use crate::storage::lookup_history::Ticket;

/// Stores what the agent says. Returns what happened, by the name in the query of the page that follows.
pub(super) async fn send_report(
    page: &AgentPage,
    opened: &Opened,
    form: &Form,
) -> Result<&'static str, Refusal> {
    let text = form.value("ticket");
    let ticket = Ticket::new(&opened.brand.secret, text).number;
    if ticket.is_none() && !text.is_empty() {
        return Err(Refusal::Ticket);
    }
    let now = page.clock.now();
    let reported = report_customer(&page.pool, &opened.brand, &opened.record, ticket, now).await?;
    Ok(match reported.ok_or(Refusal::Gone)? {
        Reported::Raised => "raised",
        Reported::Counted => "counted",
        Reported::Settled => "settled",
    })
}
