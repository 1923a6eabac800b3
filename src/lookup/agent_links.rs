//! Puts the links to the agent page into answers from Postgres. The cache then has them, so a cached lookup costs nothing more.

use crate::agent_page::settings::AgentPageMode;
use crate::agent_page::token::link;
use crate::brand::Brand;
use crate::customer::answer::agent_page::{PLACEHOLDER, with_link};
use crate::storage::answers::AnswerRow;

/// The answers with the link of each customer. Without an agent page, they stay as they are stored.
pub(super) fn with_links(brand: &Brand, mut rows: Vec<AnswerRow>) -> Vec<AnswerRow> {
    if brand.rules.agent_page.mode != AgentPageMode::Off {
        for row in rows.iter_mut().filter(|row| row.body.contains(PLACEHOLDER)) {
            row.body = with_link(&row.body, &link(brand, &row.customer_key)).into_owned();
        }
    }
    rows
}
