//! `hookpoint lookup`

mod history;
mod shown_history;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::history::HistoryArguments;
use crate::admin::ask_sources::ask_sources;
use crate::admin::explain::{Explanation, explain};
use crate::admin::explain_nobody::{NobodyExplanation, explain_nobody};
use crate::admin::find_customers::by_customer_id;
use crate::brand::Brand;
use crate::cli::output::{plain, plain_json, print_error, print_json, print_line, print_plain};
use crate::cli::question::question;
use crate::cli::session::Session;
use crate::cli::shown_customer::print_customer;
use crate::cli::shown_explanation::{explanation_as_json, print_explanation};
use crate::cli::shown_nobody::{nobody_as_json, print_nobody};
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::identifier::IdentifierKind;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::lookup::query::{LookupQuery, Question};
use crate::lookup::query_customers::{FoundCustomer, ReadRules, find, find_keys};
use crate::settings::Settings;
use crate::sources::api::SourceOutcomes;
use crate::storage::database_facts::is_writable;
use crate::storage::pool::Pool;
use crate::storage::write_transaction::begin_reading;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group(clap::ArgGroup::new("question").required(true)))]
pub(super) struct LookupArguments {
    #[command(subcommand)]
    command: Option<LookupCommand>,
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Find the customers with this e-mail address
    #[arg(long, group = "question", value_name = "ADDRESS")]
    email: Option<String>,
    /// Find the customers with this phone number, in any usual spelling
    #[arg(long, group = "question", value_name = "NUMBER")]
    phone: Option<String>,
    /// Find the customer with this customer id, record id, record key (as --why shows it) or order number
    #[arg(long, group = "question")]
    id: Option<String>,
    /// Print the answer as JSON, as Omnidesk gets it. With --why: each customer with its explanation
    #[arg(long)]
    json: bool,
    /// Use the stored data only: do not ask the sources
    #[arg(long)]
    stored: bool,
    /// Explain the result: why records are linked or kept apart, and where each field and event comes from
    #[arg(long)]
    why: bool,
}

#[derive(Debug, Subcommand)]
enum LookupCommand {
    /// Show what Omnidesk got, and so the agent: the answered lookups of a ticket, a request, a customer, an address or an
    /// id. It shows no address and no name
    #[command(name = "trace")]
    History(HistoryArguments),
}

pub(super) async fn run(arguments: LookupArguments, settings: Settings) -> anyhow::Result<()> {
    if let Some(LookupCommand::History(arguments)) = arguments.command {
        return history::run(arguments, settings).await;
    }
    let session = Session::read_only(settings).await?;
    let answer = answer(&session, &arguments).await;
    session.close().await;
    let Answer { found, explanations, has_more, nobody, remarks } = answer?;
    if arguments.json {
        remarks.iter().for_each(|remark| print_error(&plain(remark)));
        if arguments.why {
            return print_explanations_as_json(&found, &explanations, nobody.as_ref());
        }
        print_line(&plain_json(&found.body));
        return Ok(());
    }
    remarks.iter().for_each(|remark| print_wrapped(&plain(remark), 2));
    let customers: Vec<Value> = serde_json::from_str(&found.body)?;
    print_summary(customers.len(), explanations.len(), has_more);
    nobody.iter().for_each(print_nobody);
    // Both were read one after the other: a customer may have come or gone in between.
    let mut explanations: Vec<Explanation> =
        explanations.into_iter().filter(|_| arguments.why).collect();
    for customer in &customers {
        print_customer(customer);
        let own = explanations.iter().position(|why| is_about(why, customer));
        own.map(|own| explanations.remove(own)).iter().for_each(print_explanation);
    }
    for explanation in explanations {
        print_plain(&format!("({})", explanation.customer_id));
        print_explanation(&explanation);
    }
    Ok(())
}

/// Whether an explanation is about a customer of an answer.
fn is_about(why: &Explanation, customer: &Value) -> bool {
    customer.get("customerID").and_then(Value::as_str) == Some(why.customer_id.as_str())
}

fn print_explanations_as_json(
    found: &FoundCustomer,
    explanations: &[Explanation],
    nobody: Option<&NobodyExplanation>,
) -> anyhow::Result<()> {
    let customers: Vec<Value> = serde_json::from_str(&found.body)?;
    let explained = explanations.iter().map(|why| {
        explanation_as_json(why, customers.iter().find(|customer| is_about(why, customer)))
    });
    print_json(&explained.chain(nobody.map(nobody_as_json)).collect::<Vec<_>>())
}

/// The answer to a lookup, with its explanations if they are needed.
struct Answer {
    found: FoundCustomer,
    explanations: Vec<Explanation>,
    /// Whether more customers match than are explained.
    has_more: bool,
    /// Why nobody matches, if nobody does and the person asks why.
    nobody: Option<NobodyExplanation>,
    /// What a lookup over HTTP would say or do besides this answer.
    remarks: Vec<String>,
}

async fn answer(session: &Session, arguments: &LookupArguments) -> anyhow::Result<Answer> {
    let rules = session.read_rules();
    let LookupArguments { email, phone, id, .. } = arguments;
    let brand = session.choose(arguments.brand.as_deref())?;
    let question = question(brand, email.as_deref(), phone.as_deref(), id.as_deref())?;
    let pool = &session.database.pool;
    let question = by_customer_id(pool, brand, question, rules).await?;
    let mut found = find(pool, brand, &question, rules).await?;
    let mut sources = SourceOutcomes::default();
    let may_know_more = !arguments.stored && !found.sources_to_query.is_empty();
    if may_know_more && !is_writable(pool).await? {
        sources = SourceOutcomes::all(&found.sources_to_query, READ_ONLY);
    } else if may_know_more {
        let deadline = Duration::from_millis(session.file.lookup.deadline_ms);
        let limits = (&session.file.calls, deadline);
        let asked = ask_sources(pool, brand, &question, &found, limits).await;
        if asked.has_changed {
            found = find(pool, brand, &question, rules).await?;
        }
        sources = asked.sources;
    }
    // An empty answer needs the explanations too: it does not say whether nobody matches, or too many.
    let needs_reasons = arguments.why || found.customers.is_empty();
    let (explanations, has_more) = if needs_reasons {
        explanations(pool, brand, &question, rules).await?
    } else {
        (Vec::new(), false)
    };
    let is_nobody = found.customers.is_empty() && explanations.is_empty();
    let nobody = if is_nobody && arguments.why {
        Some(explain_nobody(&mut *pool.acquire().await?, brand, &question).await?)
    } else {
        None
    };
    let remarks = remarks(arguments, brand, &sources);
    Ok(Answer { found, explanations, has_more, nobody, remarks })
}

/// What a lookup over HTTP would say or do besides its answer.
fn remarks(
    LookupArguments { email, phone, id, stored, .. }: &LookupArguments,
    brand: &Brand,
    sources: &SourceOutcomes,
) -> Vec<String> {
    let (kind, text) = match (email, phone) {
        (Some(email), _) => (Some(IdentifierKind::Email), email.as_str()),
        (_, Some(phone)) => (Some(IdentifierKind::Phone), phone.as_str()),
        (None, None) => (None, id.as_deref().unwrap_or_default()),
    };
    let refusal = LookupQuery::of(kind, text).validate().err().map(|problem| {
        let (status, code) = (problem.status().as_u16(), problem.code());
        format!("Over HTTP, this spelling is refused with {status} {code}.")
    });
    let asked = sources.iter().map(|(source, outcome)| source_remark(source, outcome));
    let unreadable = brand.rules.unreadable_secrets.iter().filter(|_| !stored);
    let unreadable = unreadable.map(|(source, why)| {
        format!("{source} was not asked: its secret cannot be read here: {why}.")
    });
    let record = id.as_ref().filter(|id| id.parse::<RecordKey>().is_ok());
    let record = record.map(|_| {
        "Over HTTP, the key of a record finds nobody. It stands for its customer here.".to_owned()
    });
    refusal.into_iter().chain(record).chain(asked).chain(unreadable).collect()
}

/// The outcome for sources that are not asked, because their answers could not be stored.
const READ_ONLY: &str = "read_only";

/// What a source answered, or why it was not asked.
fn source_remark(source: Source, outcome: &str) -> String {
    match outcome {
        SourceOutcomes::FOUND => format!("Asked {source}: it knows the person."),
        SourceOutcomes::NOT_FOUND => format!("Asked {source}: it does not know the person."),
        SourceOutcomes::PENDING => format!(
            "Asked {source}: no answer within the deadline of a lookup (what came later is included here)."
        ),
        SourceOutcomes::NOT_ASKED => format!("{source} was not asked: no time was left."),
        READ_ONLY => format!("{source} was not asked: the database is read-only."),
        error => format!("Asked {source}, without an answer: {}.", error.replace('_', " ")),
    }
}

/// Prints how many customers match. An answer without customers may have explanations: then too many match.
fn print_summary(customers: usize, explanations: usize, has_more: bool) {
    let more = if has_more { "More than " } else { "" };
    match (customers, explanations) {
        (0, 0) => print_line("Nobody matches."),
        (0, n) => print_wrapped(
            &format!(
                "{more}{n} customers match. This is ambiguous, so Omnidesk gets none of them."
            ),
            0,
        ),
        (1, _) => {}
        (n, _) => print_line(&format!(
            "{n} customers match. All are sent; Omnidesk decides what the agent sees.\n"
        )),
    }
}

/// The explanations of the customers that match, as many as an answer may have, and whether more match.
async fn explanations(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> anyhow::Result<(Vec<Explanation>, bool)> {
    let mut reading = begin_reading(pool).await?;
    let most = rules.max_customers;
    let more = ReadRules { max_customers: most.saturating_add(1), ..rules };
    let keys = find_keys(&mut reading, brand, question, more).await?;
    let has_more = keys.len() > most;
    let mut explanations = Vec::new();
    for key in keys.iter().take(most) {
        explanations.extend(explain(&mut reading, brand, key).await?);
    }
    reading.commit().await?;
    Ok((explanations, has_more))
}
