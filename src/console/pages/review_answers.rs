//! Answers to an open question: what each would do, and giving one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::changes::Changes;
use super::shown_decisions::refused;
use crate::admin::compared_review::{ComparedCustomer, MOST_COMPARED};
use crate::admin::decided_since::decided_since;
use crate::admin::decisions::{CustomerView, DecisionError, Preview, StateToken, decide, preview};
use crate::admin::reviews::{
    DAYS_AWAY, Review, ReviewAnswer, days_later, list, list_ids, postpone, settle,
};
use crate::admin::shown_customer::{log_view, records_of};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown_customers::{ShownView, mark_common};
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;
use crate::record_links::RecordLinks;
use crate::storage::StorageError;

/// An answer that a person can choose.
#[derive(Serialize)]
pub(super) struct Answer {
    /// Its name in the form.
    name: &'static str,
    label: &'static str,
    /// What it means for the time to come.
    meaning: &'static str,
    /// The key of the keyboard.
    key: &'static str,
    /// What it would do. `None` if it cannot be chosen.
    result: Option<AnswerResult>,
    /// Why it cannot be chosen.
    refused: String,
}

/// What an answer would do.
#[derive(Serialize)]
struct AnswerResult {
    /// The state that this shows.
    state: String,
    changes: Changes,
    /// The customers as they would be.
    customers: Vec<ShownView>,
    /// How many more there would be.
    more: usize,
    /// Other customers that would change, as they are.
    others: Vec<ShownView>,
}

/// Each answer with its name and its key.
const ANSWERS: [(ReviewAnswer, &str, &str); 3] = [
    (ReviewAnswer::Same, "same", "s"),
    (ReviewAnswer::Different, "different", "d"),
    (ReviewAnswer::Shared, "shared", "h"),
];

/// What an answer says, and what it means for the time to come.
fn words(review: &Review, answer: ReviewAnswer) -> (&'static str, &'static str) {
    match (answer, review.is_about_a_form(), review.is_from_agents()) {
        (ReviewAnswer::Same, true, _) => {
            ("The address is theirs", "From now on, a lookup of the address finds this customer.")
        }
        (ReviewAnswer::Different, true, _) => (
            "The address is not theirs",
            "A lookup of the address does not find this customer, whatever a form says.",
        ),
        (ReviewAnswer::Same, _, true) => (
            "It is one person",
            "Nothing changes. The question comes back only if another record joins this customer.",
        ),
        (ReviewAnswer::Different, _, true) => ("It is several people", ""),
        (ReviewAnswer::Same, ..) => (
            "They are one person",
            "Their records come together, and stay together whatever the systems send from now on.",
        ),
        (ReviewAnswer::Different, ..) => (
            "They are different people",
            "Only these customers stay apart, whatever the systems send from now on. What they have in common still finds \
             each of them, and may join the records of others. Right, for example, if a phone number has a new owner.",
        ),
        (ReviewAnswer::Shared, ..) => (
            "Several people have it",
            "Right for a couple, a family or an office: it finds everybody who has it, and joins nobody's records from \
             now on. Something else, such as an e-mail address, can still join these customers.",
        ),
    }
}

/// The answers to a question, each with what it would do.
pub(super) async fn answers(
    visit: &Visit,
    review: &Review,
    customers: &[ComparedCustomer],
) -> Result<Vec<Answer>, Refusal> {
    let mut answers = Vec::new();
    for (answer, name, key) in ANSWERS {
        if answer == ReviewAnswer::Shared && !review.may_be_shared(&visit.brand) {
            continue;
        }
        let (label, meaning) = words(review, answer);
        let (result, refused) = match previewed(visit, review, answer, customers).await {
            Ok(result) => (Some(result), String::new()),
            Err(DecisionError::Storage(error)) => return Err(error.into()),
            Err(error) => (None, refused(&error)),
        };
        answers.push(Answer { name, label, meaning, key, result, refused });
    }
    Ok(answers)
}

/// What an answer would do.
async fn previewed(
    visit: &Visit,
    review: &Review,
    answer: ReviewAnswer,
    customers: &[ComparedCustomer],
) -> Result<AnswerResult, DecisionError> {
    if review.is_settled_by(answer) {
        return Ok(unchanged(visit, customers));
    }
    let act = review.act(answer)?;
    let shown = preview(visit.pool(), &visit.brand, &act).await?;
    let is_asked = |view: &&CustomerView| review.open.review.customers.contains(&view.key);
    let asked = customers.iter().map(|customer| &customer.view);
    let known: BTreeSet<RecordKey> = asked
        .chain(shown.before.iter().filter(is_asked))
        .flat_map(|view| view.records.iter().map(|(record, _)| record.clone()))
        .collect();
    let others = || shown.before.iter().filter(|view| !is_asked(view)).take(MOST_COMPARED);
    log_others(visit, &shown, customers).await?;
    let after = shown.after.iter().take(MOST_COMPARED);
    Ok(AnswerResult {
        state: shown.state.to_string(),
        changes: Changes::of(visit, &shown, MOST_COMPARED),
        customers: mark_common(
            after.map(|view| visit.shown_view_beside(view, &known).if_decided()).collect(),
        ),
        more: shown.after.len().saturating_sub(MOST_COMPARED),
        others: others().map(|view| visit.shown_view(view)).collect(),
    })
}

/// Logs that the person saw customers besides those that the page compares.
async fn log_others(
    visit: &Visit,
    shown: &Preview,
    customers: &[ComparedCustomer],
) -> Result<(), StorageError> {
    let compared: BTreeSet<RecordKey> =
        customers.iter().flat_map(|customer| records_of(&customer.view)).collect();
    let views = [&shown.before, &shown.after];
    let seen = views.into_iter().flat_map(|views| views.iter().take(MOST_COMPARED));
    let others: BTreeSet<RecordKey> =
        seen.flat_map(records_of).filter(|record| !compared.contains(record)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut connection = visit.pool().acquire().await?;
    let view = ("preview decision", &others);
    log_view(&mut connection, &visit.brand, view, visit.seen_by()).await
}

/// What an answer does that only ends the question.
fn unchanged(visit: &Visit, customers: &[ComparedCustomer]) -> AnswerResult {
    let shown = |customer: &ComparedCustomer| visit.shown_view(&customer.view);
    AnswerResult {
        state: String::new(),
        changes: Changes::default(),
        customers: customers.iter().map(shown).collect(),
        more: 0,
        others: Vec::new(),
    }
}

/// Gives an answer, and goes to the next question.
pub(super) async fn answer(visit: &Visit) -> Result<Reply, Refusal> {
    let (pool, brand, now) = (visit.pool(), &visit.brand, visit.now());
    let order = list(pool, brand, true, now).await?;
    let Some(review) = order.iter().find(|review| review.id == visit.id) else {
        return Err(changed(visit).await?);
    };
    let (done, decided) = match visit.form.value("answer") {
        "later" => (put_away(visit, review).await?, None),
        name => ("answered", give(visit, review, name).await?),
    };
    let open = list_ids(pool, brand, now).await?;
    let next = next_of(&order, &open, &visit.id);
    let mut path = visit.path(&next.map_or("/reviews".to_owned(), |id| format!("/reviews/{id}")));
    if let Some(decision) = decided {
        path = format!("{path}?decided={decision}");
    }
    Ok(visit.redirect(&path, done))
}

/// The question that came after one and is still open. After the last one, the first.
fn next_of<'a>(order: &'a [Review], open: &BTreeSet<String>, id: &str) -> Option<&'a str> {
    let here = order.iter().position(|review| review.id == id).unwrap_or_default();
    let (before, after) = order.split_at_checked(here)?;
    let mut next = after.iter().chain(before).map(|review| review.id.as_str());
    next.find(|next| *next != id && open.contains(*next))
}

async fn put_away(visit: &Visit, review: &Review) -> Result<&'static str, Refusal> {
    let (now, by) = (visit.now(), (visit.attribution(), visit.now()));
    let until = days_later(now, DAYS_AWAY);
    if postpone(visit.pool(), &visit.brand, review, until, by).await? {
        Ok("put-away")
    } else {
        Err(changed(visit).await?)
    }
}

/// Decides what an answer says, if that would still do what the person saw. Returns the id of the decision, if it is one about
/// records.
async fn give(visit: &Visit, review: &Review, name: &str) -> Result<Option<Uuid>, Refusal> {
    let answer = ANSWERS.iter().find(|(_, own, ..)| *own == name);
    let Some((answer, ..)) = answer else {
        return Err(Refusal::Mistake("Choose one of the answers.".to_owned()));
    };
    if review.is_settled_by(*answer) {
        let by = (visit.attribution(), visit.now());
        let is_done = settle(visit.pool(), &visit.brand, review, by).await?;
        return if is_done { Ok(None) } else { Err(changed(visit).await?) };
    }
    let Ok(state) = visit.form.value(&format!("state-{name}")).parse::<StateToken>();
    let act = review.act(*answer).map_err(|error| Refusal::Mistake(refused(&error)))?;
    let by = (visit.attribution(), visit.now());
    match decide(visit.pool(), &visit.brand, &act, Some(&state), by).await {
        Ok(decided) => Ok(Some(decided.decision_id)),
        Err(DecisionError::Storage(error)) => Err(error.into()),
        Err(DecisionError::Changed) => Err(changed(visit).await?),
        // What somebody decided meanwhile may be the reason.
        Err(error) => Err(match decided_meanwhile(visit).await? {
            Some(text) => Refusal::Changed(text),
            None => Refusal::Mistake(refused(&error)),
        }),
    }
}

/// What changed since the person opened the question.
async fn changed(visit: &Visit) -> Result<Refusal, Refusal> {
    let text = decided_meanwhile(visit).await?.unwrap_or_else(|| {
        "The data of these customers changed since you opened the question, so your answer was not stored. \
         Go back to Reviews. If the question is still open, look at its customers again."
            .to_owned()
    });
    Ok(Refusal::Changed(text))
}

/// What somebody decided about the customers since the person opened the question.
async fn decided_meanwhile(visit: &Visit) -> Result<Option<String>, Refusal> {
    let links = RecordLinks::new(&visit.brand);
    let sent = visit.form.values("customer");
    let customers = sent.into_iter().filter_map(|path| links.record(path)).collect();
    let shown_at = visit.form.value("shown_at").parse().ok();
    let Some(since) = shown_at.and_then(|at| Timestamp::from_microsecond(at).ok()) else {
        return Ok(None);
    };
    let mut connection = visit.pool().acquire().await?;
    let found = decided_since(&mut connection, &visit.brand, &customers, since).await?;
    Ok(found.map(|row| {
        let (by, what) = (&row.decided_by, row.verdict.as_str());
        let did = match (row.undone_at, &row.undone_by) {
            (None, _) => format!("{by} decided about these customers meanwhile: {what}."),
            (Some(_), None) => format!("The decision of {by} was undone meanwhile: {what}."),
            (Some(_), Some(undone)) => format!("{undone} undid the decision of {by} meanwhile: {what}."),
        };
        format!("{did} Your answer was not stored. If you disagree, undo that decision on the page Decisions.")
    }))
}
