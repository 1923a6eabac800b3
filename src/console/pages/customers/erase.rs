//! Erases a person, after the person at the console typed a confirmation.

use std::collections::BTreeSet;

use serde::Serialize;

use super::acts::customer;
use crate::admin::audit::record_view;
use crate::admin::customers::{Erased, erase_customer};
use crate::admin::decisions::CustomerView;
use crate::admin::erasure_reason::ErasureReason;
use crate::admin::shown_customer::records_of;
use crate::console::reply::{Refusal, Reply};
use crate::console::route::ConsoleRoute;
use crate::console::shown_customers::ShownView;
use crate::console::visit::Visit;
use crate::customer::model::source::Source;
use crate::erasure::erase::ErasureError;
use crate::http::form::Form;
use crate::sources::webhook_setup;
use crate::storage::invalidation::LookupHash;

/// The most records with the same name that the receipt names. If they do not fit into an address, fewer.
const MOST_NAMESAKES: [usize; 3] = [20, 5, 0];

/// The word to type, if not the customer id.
const CONFIRMATION: &str = "ERASE";

#[derive(Serialize)]
struct EraseCustomerPage {
    view: ShownView,
    path: String,
    confirmation: &'static str,
    /// What the browser accepts as the confirmation: a regular expression.
    pattern: String,
    reasons: [&'static str; ErasureReason::ALL.len()],
    /// The sources that still have the person.
    sources: Vec<&'static str>,
    /// Who the person saw. If somebody else belongs to the customer meanwhile, nobody is erased.
    state: String,
}

/// The question.
pub(in crate::console::pages) async fn ask(visit: &Visit) -> Result<Reply, Refusal> {
    let view = customer(visit).await?;
    if let Some(by) = visit.seen_by() {
        let what = ("view customer", "before an erasure".to_owned());
        record_view(visit.pool(), &visit.brand, what, &records_of(&view), by).await?;
    }
    let page = EraseCustomerPage {
        state: state_of(visit, &view),
        path: visit.customer_path(&view.key),
        sources: sources_of(&view),
        pattern: format!("{}|{}", in_any_case(CONFIRMATION), literally(&view.customer_id)),
        reasons: ErasureReason::ALL.map(ErasureReason::as_str),
        view: visit.shown_view(&view),
        confirmation: CONFIRMATION,
    };
    visit.page("customer_erase.html", ("/customers", "Erase a customer"), &page)
}

/// The sources of the records, in words. They keep their data.
fn sources_of(view: &CustomerView) -> Vec<&'static str> {
    let sources: BTreeSet<Source> = view.records.iter().map(|(key, _)| key.kind.source()).collect();
    sources.into_iter().map(|source| webhook_setup(source).name).collect()
}

/// A regular expression of browsers that matches a word in small letters, capitals, or both.
fn in_any_case(word: &str) -> String {
    word.chars()
        .map(|letter| format!("[{}{}]", letter.to_ascii_uppercase(), letter.to_ascii_lowercase()))
        .collect()
}

/// A regular expression of browsers that matches just this text.
fn literally(text: &str) -> String {
    let escaped = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_string(),
        letter => format!("\\u{{{:x}}}", u32::from(letter)),
    };
    text.chars().map(escaped).collect()
}

/// The reason from the list. The audit log stores no other text about an erasure: it might name the person.
fn reason(visit: &Visit) -> Result<Option<ErasureReason>, Refusal> {
    let text = visit.form.value("reason");
    let reason = ErasureReason::parse(text);
    if reason.is_none() && !text.is_empty() {
        let words = "Nothing was erased. Choose one of the reasons, or none.";
        return Err(Refusal::Mistake(words.to_owned()));
    }
    Ok(reason)
}

/// A keyed hash of who is erased: all records and addresses.
fn state_of(visit: &Visit, view: &CustomerView) -> String {
    let records = view.records.iter().map(|(key, _)| key.to_string());
    let addresses =
        view.addresses.iter().map(|address| format!("{} {}", address.kind, address.text));
    let all: BTreeSet<String> = records.chain(addresses).collect();
    let all = all.into_iter().collect::<Vec<_>>().join("\u{0}");
    let LookupHash(hash) = LookupHash::new(&visit.brand.secret, "console erasure", &all);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Erases, and goes to the receipt.
pub(in crate::console::pages) async fn erase(visit: &Visit) -> Result<Reply, Refusal> {
    let view = customer(visit).await?;
    let typed = visit.form.value("confirmation");
    if !typed.eq_ignore_ascii_case(CONFIRMATION) && typed != view.customer_id {
        return Err(Refusal::Mistake(format!(
            "Nothing was erased. Type {CONFIRMATION} or the customer id to confirm."
        )));
    }
    if visit.form.value("state") != state_of(visit, &view) {
        return Err(Refusal::Changed(
            "Nothing was erased: other records or addresses belong to this customer now. Open the page again, and check who would be erased.".to_owned(),
        ));
    }
    let (console, records) = (&visit.console, records_of(&view));
    let reason = reason(visit)?;
    let by = (visit.attribution_for(""), reason);
    let place = (&console.suppressions, &console.clock);
    let mut no_progress = |_| {};
    let erasing = erase_customer(visit.pool(), &visit.brand, place, &records, by, &mut no_progress);
    let erased = Box::pin(erasing).await.map_err(refusal)?;
    let path = visit.path(&format!("/erasures/{}", erased.receipt.erasure_id));
    let sources = sources_of(&view);
    let receipt = MOST_NAMESAKES.iter().find_map(|most| {
        visit.go_with(ConsoleRoute::Erasure, &path, &shown_once(&erased, &sources, *most))
    });
    Ok(receipt.unwrap_or(Reply::Redirect(path)))
}

/// What the receipt does not have for good, but shows to the person who erased, in an address that only their session
/// can read.
fn shown_once(erased: &Erased, sources: &[&str], most: usize) -> Form {
    let field = |name: &str, value: String| (name.to_owned(), value);
    let sources = sources.iter().map(|source| field("source", (*source).to_owned()));
    let more = (erased.namesakes.len() > most).then(|| field("more", "yes".to_owned()));
    let of = field("erasure", erased.receipt.erasure_id.to_string());
    let namesakes = erased.namesakes.iter().take(most).flat_map(|row| {
        let why = row.conflict.as_deref().unwrap_or("another customer");
        [
            field("namesake", row.record.to_string()),
            field("kind", row.kind.clone()),
            field("why", why.to_owned()),
        ]
    });
    Form::of([of].into_iter().chain(more).chain(sources).chain(namesakes).collect())
}

fn refusal(error: ErasureError) -> Refusal {
    match error {
        ErasureError::Storage(error) => error.into(),
        error => {
            tracing::error!(%error, "erasure in the console failed");
            Refusal::Mistake(format!("The erasure failed: {error}."))
        }
    }
}
