//! Decisions about a customer: each is shown first, and then decided as it was shown.

use std::collections::BTreeSet;

use serde::Serialize;

use super::join;
use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::{Act, CustomerView, DecisionError, Preview, decide, preview};
use crate::admin::shown_customer::{log_view, records_of, view_of_record};
use crate::console::pages::changes::Changes;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown_customers::{ShownView, mark_common};
use crate::console::visit::Visit;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// The fields of the form of an act. The preview repeats them.
const FIELDS: [&str; 5] = ["act", "record", "with", "kind", "address"];

#[derive(Serialize)]
struct PreviewPage {
    /// The page of the customer.
    path: String,
    title: String,
    question: String,
    /// The answer yes, on the button.
    yes: &'static str,
    /// How many customers a join of two gives. 0 for other acts.
    joined: usize,
    /// Whether a join is of all records.
    has_all_records: bool,
    /// Whether no customer changes now.
    is_unchanged: bool,
    changes: Changes,
    fields: Vec<(&'static str, String)>,
    state: String,
    before: Vec<ShownView>,
    after: Vec<ShownView>,
}

/// Goes to the page that shows what an act would do.
pub(in crate::console::pages) async fn ask(visit: &Visit) -> Result<Reply, Refusal> {
    let path = format!("{}/preview", visit.customer_path(&visit.record()?.to_string()));
    match visit.go_and_ask(&path) {
        Some(page) => Ok(page),
        // Many records were selected: they do not fit into an address.
        None => show(visit).await,
    }
}

/// Shows what an act would do.
pub(in crate::console::pages) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let customer = customer(visit).await?;
    if let Some(choice) = join::choice(visit, &customer).await? {
        return Ok(choice);
    }
    let (act, Words { title, question, yes }) = act(visit, &customer).await?;
    let shown = Box::pin(preview(visit.pool(), &visit.brand, &act)).await.map_err(refusal)?;
    let (act, shown) = Box::pin(with_all_records(visit, act, shown)).await?;
    let records: BTreeSet<RecordKey> = shown.before.iter().flat_map(records_of).collect();
    let mut connection = visit.pool().acquire().await?;
    let view = ("preview decision", &records);
    log_view(&mut connection, &visit.brand, view, visit.seen_by()).await?;
    drop(connection);
    let sent = |name: &'static str| {
        let values = match &act {
            Act::JoinCustomers(_) if name == "act" => vec![join::ALL],
            _ => visit.form.values(name),
        };
        values.into_iter().map(move |value| (name, value.to_owned()))
    };
    let page = PreviewPage {
        path: visit.customer_path(&visit.record()?.to_string()),
        title,
        question,
        yes,
        joined: joined(&act, &shown),
        has_all_records: matches!(act, Act::JoinCustomers(_)),
        is_unchanged: shown.is_unchanged(),
        changes: Changes::of(visit, &shown, usize::MAX),
        fields: FIELDS.into_iter().flat_map(sent).collect(),
        state: shown.state.to_string(),
        before: mark_common(shown.before.iter().map(|view| visit.shown_view(view)).collect()),
        after: mark_common(
            shown.after.iter().map(|view| visit.shown_view(view).if_decided()).collect(),
        ),
    };
    visit.page("customer_preview.html", ("/customers", &page.title), &page)
}

/// If a join of one record of each customer does not give one customer: the join of all of their records, if that gives
/// fewer.
async fn with_all_records(
    visit: &Visit,
    act: Act,
    shown: Preview,
) -> Result<(Act, Preview), Refusal> {
    let of_each = joined(&act, &shown);
    let Act::Join(named) = &act else { return Ok((act, shown)) };
    if of_each <= 1 {
        return Ok((act, shown));
    }
    let all = Act::JoinCustomers(named.clone());
    match preview(visit.pool(), &visit.brand, &all).await {
        Ok(of_all) if joined(&all, &of_all) < of_each => Ok((all, of_all)),
        Err(DecisionError::Storage(error)) => Err(error.into()),
        Ok(_) | Err(_) => Ok((act, shown)),
    }
}

/// How many customers the customers of a join become. 0 for other acts.
fn joined(act: &Act, shown: &Preview) -> usize {
    let (Act::Join(named) | Act::JoinCustomers(named)) = act else { return 0 };
    let is_named = |view: &&CustomerView| !named.is_disjoint(&records_of(view));
    let records: BTreeSet<RecordKey> =
        shown.before.iter().filter(is_named).flat_map(records_of).collect();
    shown.after.iter().filter(|view| !records.is_disjoint(&records_of(view))).count()
}

/// Decides what was shown.
pub(in crate::console::pages) async fn decide_shown(visit: &Visit) -> Result<Reply, Refusal> {
    let customer = customer(visit).await?;
    let path = visit.customer_path(&visit.record()?.to_string());
    let (act, _) = act(visit, &customer).await?;
    let Ok(state) = visit.form.value("state").parse();
    let by = (visit.attribution(), visit.now());
    let decided = decide(visit.pool(), &visit.brand, &act, Some(&state), by);
    match Box::pin(decided).await {
        Ok(_) => Ok(visit.redirect(&path, "decided")),
        // The second of two clicks.
        Err(DecisionError::AlreadyDecided(_)) => Ok(visit.redirect(&path, "nothing")),
        Err(error) => Err(refusal(error)),
    }
}

/// The customer of the path.
pub(super) async fn customer(visit: &Visit) -> Result<CustomerView, Refusal> {
    let mut connection = visit.pool().acquire().await?;
    let view = view_of_record(&mut connection, &visit.brand, &visit.record()?).await?;
    view.ok_or(Refusal::NotFound)
}

/// What a person reads before they decide.
struct Words {
    title: String,
    /// What they decide.
    question: String,
    /// The answer yes, on the button.
    yes: &'static str,
}

impl Words {
    fn new(title: &str, question: &str, yes: &'static str) -> Self {
        Self { title: title.to_owned(), question: question.to_owned(), yes }
    }
}

/// What the form wants, and its words.
async fn act(visit: &Visit, customer: &CustomerView) -> Result<(Act, Words), Refusal> {
    let own = || customer.key.parse::<RecordKey>().map_err(|_| Refusal::NotFound);
    match visit.form.value("act") {
        "separate" => Ok((
            Act::Separate(leaving(visit, customer)?),
            Words::new(
                "Separate records",
                "Do the records that you selected belong to somebody else?",
                "Yes, separate them",
            ),
        )),
        "join" => Ok((
            Act::Join([own()?, join::other(visit, customer).await?].into()),
            Words::new("Join customers", "Are these customers the same person?", "Yes, join them"),
        )),
        join::ALL => Ok((
            Act::JoinCustomers([own()?, join::other(visit, customer).await?].into()),
            Words::new("Join customers", "Are these customers the same person?", "Yes, join them"),
        )),
        about_address => about(visit, about_address, own()?),
    }
}

/// What the form wants to say about an address, and its words.
fn about(visit: &Visit, act: &str, own: RecordKey) -> Result<(Act, Words), Refusal> {
    let address = address(visit)?;
    let kind = kind_in_words(address.kind.as_str());
    let named = format!("{kind} {}", visit.value(&address.value));
    match act {
        "share" => {
            let title = format!("{} {kind} that several people have", article(kind, "A"));
            let question = format!(
                "Do several people have the {named}? Then a lookup by it shows all of them, and it no longer joins anybody's records."
            );
            let words = Words { title, question, yes: "Yes, several people have it" };
            Ok((Act::Share(address), words))
        }
        "confirm" => {
            let title = format!("Confirm {} {kind}", article(kind, "a"));
            let question = format!("Does the {named} belong to this customer?");
            Ok((Act::Confirm(address, own), Words { title, question, yes: "Yes, it is theirs" }))
        }
        "reject" => {
            let title = format!("Reject {} {kind}", article(kind, "a"));
            let question = format!(
                "Does the {named} belong to somebody else? The forms that contain it then leave this customer."
            );
            Ok((Act::Reject(address, own), Words { title, question, yes: "Yes, it is not theirs" }))
        }
        _ => Err(Refusal::NotFound),
    }
}

/// The article of a kind of address.
fn article(kind: &str, a: &str) -> String {
    if kind.starts_with('e') { format!("{a}n") } else { a.to_owned() }
}

/// The selected records.
fn leaving(visit: &Visit, customer: &CustomerView) -> Result<BTreeSet<RecordKey>, Refusal> {
    let selected = visit.form.values("record");
    let records = records_of(customer).into_iter();
    let leaving: BTreeSet<RecordKey> =
        records.filter(|record| selected.contains(&record.to_string().as_str())).collect();
    // After a change, a selected record may be one of another customer.
    if leaving.len() < selected.len() {
        return Err(changed());
    }
    if leaving.is_empty() {
        return Err(Refusal::Mistake("Select the records that leave this customer.".to_owned()));
    }
    Ok(leaving)
}

fn address(visit: &Visit) -> Result<Identifier, Refusal> {
    let kind = visit.form.value("kind").parse().map_err(|_| Refusal::NotFound)?;
    Ok(Identifier { kind, value: visit.form.value("address").to_owned() })
}

fn changed() -> Refusal {
    Refusal::Changed(
        "Something changed since this was shown, so nothing was decided. Open the customer again, and look at it."
            .to_owned(),
    )
}

fn refusal(error: DecisionError) -> Refusal {
    match error {
        DecisionError::Storage(error) => error.into(),
        DecisionError::Changed | DecisionError::NoRecord(_) => changed(),
        DecisionError::Contradicts(_) => Refusal::Mistake(
            "This contradicts a decision in force. Undo that one first: it is under History, at the end of the page of the customer."
                .to_owned(),
        ),
        DecisionError::NoEffect => Refusal::Mistake(
            "The decision would have no effect: merges of the source contradict it.".to_owned(),
        ),
        error => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string());
            Refusal::Mistake(format!("{}{}.", first.unwrap_or_default(), letters.as_str()))
        }
    }
}
