//! The list of open questions.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::shown_decisions::{ShownDecision, seen_people};
use crate::admin::audit::record_view;
use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::{DecisionError, find_decision};
use crate::admin::reviews;
use crate::admin::reviews::Review;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::counted::counted;
use crate::customer::identity::conflict::Conflict;
use crate::storage::page_key::PageKey;

#[derive(Serialize)]
struct ReviewsPage {
    reviews: Vec<ListedReview>,
    /// Whether these are the questions that somebody put away.
    are_put_away: bool,
    /// The most that are listed, if there are more.
    cut_at: Option<usize>,
    /// The path of the next page.
    more: Option<String>,
    last_answer: Option<ShownDecision>,
}

#[derive(Serialize)]
struct ListedReview {
    path: String,
    question: ShownQuestion,
    customers: usize,
    /// How many lookups in the history met the question, and what is known of the last one.
    lookups: u64,
    is_more: bool,
    last_lookup: Option<ShownTime>,
    last_ticket: Option<String>,
    since: ShownTime,
    /// Until when it is put away.
    until: Option<ShownTime>,
}

/// What a question is about.
#[derive(Serialize)]
pub(super) struct ShownQuestion {
    level: String,
    kind: String,
    value: String,
    reason: String,
}

impl ShownQuestion {
    pub(super) fn new(visit: &Visit, review: &Review) -> Self {
        let question = &review.open.review;
        Self {
            level: question.level.clone(),
            kind: kind_in_words(&question.kind).to_owned(),
            value: visit.value(&question.value),
            reason: reason(review),
        }
    }
}

/// Why the customers are not one, in a sentence.
fn reason(review: &Review) -> String {
    if review.is_about_a_form() {
        return "Only a form contains it.".to_owned();
    }
    if review.is_from_agents() {
        return "An agent reported that it is not, or not only, one person.".to_owned();
    }
    if review.is_from_lookups() {
        return "Lookups find all of them.".to_owned();
    }
    conflict_in_words(&review.open.review.conflict)
}

/// Why customers are not joined, in a sentence.
pub(super) fn conflict_in_words(conflict: &str) -> String {
    let reasons = [
        (Conflict::DifferentIds, "Their source keeps people unique, and has a record for each."),
        (Conflict::FirstNames, "Their first names disagree."),
        (Conflict::NoFirstName, "One of them has no first name."),
        (Conflict::Names, "Their names disagree."),
        (Conflict::EmailAddresses, "Each has e-mail addresses, and they have none in common."),
        (Conflict::SelfAsserted, "Only records from forms connect them."),
        (Conflict::DecidedDifferent, "A person decided that they are different people."),
    ];
    let known = reasons.iter().find(|(known, _)| known.as_str() == conflict);
    known.map_or_else(|| format!("Reason: {conflict}."), |(_, words)| (*words).to_owned())
}

/// The open questions, or those that somebody put away.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let now = visit.now();
    let are_put_away = visit.query.value("show") == "put-away";
    let (mut all, is_cut) =
        reviews::list_bounded(visit.pool(), &visit.brand, are_put_away, now).await?;
    // A page begins after the last question of the one before. If that one is answered, the list begins again.
    let after = visit.query.value("after");
    let first = all.iter().position(|review| review.id == after);
    all.drain(..first.map_or(0, |last| last.saturating_add(1)));
    let most = usize::try_from(PageKey::PER_PAGE).unwrap_or(usize::MAX);
    let last = all.get(most.saturating_sub(1)).filter(|_| all.len() > most);
    let cut_at = is_cut.then_some(reviews::MOST_RANKED);
    let show = if are_put_away { "put-away" } else { "open" };
    let more = last.map(|last| visit.path(&format!("/reviews?show={show}&after={}", last.id)));
    all.truncate(most);
    if visit.sees_values() && !all.is_empty() {
        let what = ("list reviews", counted(all.len(), "question", "questions"));
        let by = (visit.attribution(), now);
        record_view(visit.pool(), &visit.brand, what, &BTreeSet::new(), by).await?;
    }
    let reviews = all.iter().map(|review| ListedReview {
        path: visit.path(&format!("/reviews/{}", review.id)),
        question: ShownQuestion::new(visit, review),
        customers: review.open.review.customers.len(),
        lookups: review.lookups.count,
        is_more: review.lookups.is_more,
        last_lookup: review.lookups.last_at.map(|at| visit.time(at)),
        last_ticket: review.lookups.last_ticket.clone(),
        since: visit.time(review.open.found_at),
        until: review.open.postponed_until.filter(|_| are_put_away).map(|at| visit.time(at)),
    });
    let page = ReviewsPage {
        reviews: reviews.collect(),
        are_put_away,
        cut_at,
        more,
        last_answer: last_answer(visit).await?,
    };
    visit.page("reviews.html", ("/reviews", "Reviews"), &page)
}

/// The most pairs, records or customers that are shown of the answer that was just given.
const MOST_OF_ANSWER: usize = 3;

/// The answer that was just given, if it is a decision about records or addresses.
pub(super) async fn last_answer(visit: &Visit) -> Result<Option<ShownDecision>, Refusal> {
    let Ok(decision) = visit.query.value("decided").parse::<Uuid>() else { return Ok(None) };
    let mut connection = visit.pool().acquire().await?;
    match find_decision(&mut connection, &visit.brand, decision).await {
        Ok(row) => {
            drop(connection);
            let what = ("view decision", decision.to_string());
            let people = seen_people(
                visit,
                (std::slice::from_ref(&row), MOST_OF_ANSWER),
                what,
                BTreeSet::new(),
            )
            .await?;
            Ok(Some(ShownDecision::new(visit, &row, MOST_OF_ANSWER, &people)))
        }
        Err(DecisionError::Storage(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}
