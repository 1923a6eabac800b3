//! The pages and acts. Each shows or does what an action of `admin/` says; there is no logic of the product here.

mod accounts;
mod audit;
mod changes;
mod customers;
mod decisions;
mod delivery;
mod delivery_jobs;
mod documents;
mod erasure;
mod inbox;
mod inbox_filter;
mod keys;
mod lookups;
mod overview;
mod overview_words;
mod own_account;
mod people;
mod review;
mod review_answers;
mod reviews;
mod settings;
mod shown_delivery;
mod shown_stream;
mod source;
mod sources;

mod shown_decisions;

use super::reply::{Refusal, Reply};
use super::route::ConsoleRoute;
use super::visit::Visit;

/// Makes a page, or does an act.
pub(super) async fn answer(route: ConsoleRoute, visit: &Visit) -> Result<Reply, Refusal> {
    match route {
        ConsoleRoute::Overview => overview::show(visit).await,
        ConsoleRoute::Inbox => inbox::list(visit).await,
        ConsoleRoute::ReplayDeliveries => inbox::replay(visit).await,
        ConsoleRoute::DiscardDeliveries => inbox::discard(visit).await,
        ConsoleRoute::CountDeliveries => delivery_jobs::count(visit).await,
        ConsoleRoute::DeliveryJob => delivery_jobs::show(visit).await,
        ConsoleRoute::BeginDeliveryJob => delivery_jobs::begin(visit).await,
        ConsoleRoute::CancelDeliveryJob => delivery_jobs::stop(visit).await,
        ConsoleRoute::Delivery => delivery::show(visit).await,
        ConsoleRoute::RevealDelivery => delivery::reveal(visit).await,
        ConsoleRoute::Document => documents::show(visit),
        ConsoleRoute::Sources => sources::list(visit).await,
        ConsoleRoute::Source => source::show(visit).await,
        ConsoleRoute::StartSync => source::start(visit).await,
        ConsoleRoute::StopSync => source::stop(visit).await,
        ConsoleRoute::TestConnection => source::test(visit).await,
        ConsoleRoute::LogOut => people::log_out(visit).await,
        ConsoleRoute::Customers => customers::search::show(visit).await,
        ConsoleRoute::FindCustomers => customers::search::ask(visit),
        ConsoleRoute::Customer => customers::page::show(visit).await,
        ConsoleRoute::CustomerTimeline => customers::timeline::show(visit).await,
        ConsoleRoute::CustomerActPreview => customers::acts::show(visit).await,
        ConsoleRoute::PreviewCustomerAct => customers::acts::ask(visit).await,
        ConsoleRoute::DecideCustomerAct => customers::acts::decide_shown(visit).await,
        ConsoleRoute::ExportCustomer => customers::export::export(visit).await,
        ConsoleRoute::AskToEraseCustomer => customers::erase::ask(visit).await,
        ConsoleRoute::EraseCustomer => customers::erase::erase(visit).await,
        ConsoleRoute::Erasure => erasure::show(visit).await,
        ConsoleRoute::Reviews => reviews::list(visit).await,
        ConsoleRoute::Review => review::show(visit).await,
        ConsoleRoute::AnswerReview => review_answers::answer(visit).await,
        ConsoleRoute::Decisions => decisions::show_all(visit).await,
        ConsoleRoute::Decision => decisions::show(visit).await,
        ConsoleRoute::UndoDecision => decisions::undo(visit).await,
        ConsoleRoute::Lookups => lookups::show(visit).await,
        ConsoleRoute::SearchLookups => lookups::ask(visit),
        ConsoleRoute::Keys => keys::list(visit).await,
        ConsoleRoute::CreateKey => keys::create(visit).await,
        ConsoleRoute::RevokeKey => keys::revoke(visit).await,
        ConsoleRoute::Settings => settings::show(visit).await,
        ConsoleRoute::TryTemplate => settings::try_one(visit).await,
        ConsoleRoute::People => people::list(visit).await,
        ConsoleRoute::InvitePerson => people::invite(visit).await,
        ConsoleRoute::EndSession => people::end(visit).await,
        ConsoleRoute::InviteToAccount => accounts::invite(visit).await,
        ConsoleRoute::InviteAgain => accounts::invite_again(visit).await,
        ConsoleRoute::SetAccountRole => accounts::set_role(visit).await,
        ConsoleRoute::RemoveAccount => accounts::remove(visit).await,
        ConsoleRoute::OwnAccount => own_account::show(visit),
        ConsoleRoute::ChangePassword => own_account::change_password(visit).await,
        ConsoleRoute::RevokeAgentLinks => people::revoke_links(visit).await,
        ConsoleRoute::Audit => audit::list(visit).await,
    }
}
