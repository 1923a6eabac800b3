//! The pages and acts. Each shows or does what an action of `admin/` says; there is no logic of the product here.

mod audit;
mod customer_card;
mod decisions;
mod keys;
mod lookups;
mod overview;
mod people;
mod review;
mod review_answers;
mod reviews;

mod shown_decisions;

use super::reply::{Refusal, Reply};
use super::route::ConsoleRoute;
use super::visit::Visit;

/// Makes a page, or does an act.
pub(super) async fn answer(route: ConsoleRoute, visit: &Visit) -> Result<Reply, Refusal> {
    match route {
        ConsoleRoute::Overview => overview::show(visit).await,
        ConsoleRoute::LogOut => people::log_out(visit).await,
        ConsoleRoute::Reviews => reviews::list(visit).await,
        ConsoleRoute::Review => review::show(visit).await,
        ConsoleRoute::AnswerReview => review_answers::answer(visit).await,
        ConsoleRoute::Decisions => decisions::show_all(visit).await,
        ConsoleRoute::Decision => decisions::show(visit).await,
        ConsoleRoute::UndoDecision => decisions::undo(visit).await,
        ConsoleRoute::Lookups => lookups::show(visit).await,
        ConsoleRoute::SearchLookups => lookups::search(visit).await,
        ConsoleRoute::Keys => keys::list(visit).await,
        ConsoleRoute::CreateKey => keys::create(visit).await,
        ConsoleRoute::RevokeKey => keys::revoke(visit).await,
        ConsoleRoute::People => people::list(visit).await,
        ConsoleRoute::InvitePerson => people::invite(visit).await,
        ConsoleRoute::EndSession => people::end(visit).await,
        ConsoleRoute::Audit => audit::list(visit).await,
    }
}
