//! `hookpoint lookup`

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::output::{plain_json, print_line, print_plain};
use super::question::question;
use super::session::Session;
use super::shown_customer::print_customer;
use super::shown_explanation::print_explanation;
use super::shown_nobody::print_nobody;
use super::wrapped::print_wrapped;
use crate::admin::ask_sources::ask_sources;
use crate::admin::explain::{Explanation, explain};
use crate::admin::explain_nobody::{NobodyExplanation, explain_nobody};
use crate::admin::find_customers::by_customer_id;
use crate::brand::Brand;
use crate::customer::model::identifier::IdentifierKind;
use crate::lookup::query::{LookupQuery, Question};
use crate::lookup::query_customers::{FoundCustomer, ReadRules, find, find_keys};
use crate::settings::Settings;
use crate::sources::api::SourceOutcomes;
use crate::storage::database_facts::is_writable;
use crate::storage::pool::Pool;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("question").required(true)))]
pub(super) struct LookupArguments {
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
    /// Print the answer as JSON, as Omnidesk gets it
    #[arg(long)]
    json: bool,
    /// Use the stored data only: do not ask the sources
    #[arg(long)]
    stored: bool,
    /// Explain the result: why records are linked or kept apart, and where each field comes from
    #[arg(long, conflicts_with = "json")]
    why: bool,
}

pub(super) async fn run(arguments: LookupArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::read_only(settings).await?;
    let answer = answer(&session, &arguments).await;
    session.close().await;
    let Answer { found, explanations, nobody, sources } = answer?;
    if arguments.json {
        print_line(&plain_json(&found.body));
        return Ok(());
    }
    print_refusal(&arguments);
    print_sources(&sources);
    let customers: Vec<Value> = serde_json::from_str(&found.body)?;
    print_summary(customers.len(), explanations.len());
    nobody.iter().for_each(print_nobody);
    let mut explanations = explanations.into_iter().filter(|_| arguments.why);
    for customer in &customers {
        print_customer(customer);
        explanations.next().iter().for_each(print_explanation);
    }
    for explanation in explanations {
        print_plain(&format!("({})", explanation.customer_id));
        print_explanation(&explanation);
    }
    Ok(())
}

/// The answer to a lookup, with its explanations if they are needed.
struct Answer {
    found: FoundCustomer,
    explanations: Vec<Explanation>,
    /// Why nobody matches, if nobody does and the person asks why.
    nobody: Option<NobodyExplanation>,
    /// What the sources answered that were asked.
    sources: SourceOutcomes,
}

async fn answer(session: &Session, arguments: &LookupArguments) -> anyhow::Result<Answer> {
    let rules = ReadRules {
        max_customers: usize::try_from(session.file.lookup.max_customers)?,
        multiple_matches: session.file.lookup.multiple_matches,
    };
    let LookupArguments { email, phone, id, .. } = arguments;
    let brand = session.choose(arguments.brand.as_deref())?;
    let question = question(brand, email.as_deref(), phone.as_deref(), id.as_deref())?;
    let pool = &session.database.pool;
    let question = by_customer_id(pool, brand, question, rules).await?;
    let mut found = find(pool, brand, &question, rules).await?;
    let mut sources = SourceOutcomes::default();
    let may_know_more = !arguments.stored && !found.sources_to_query.is_empty();
    if may_know_more && !is_writable(pool).await? {
        sources = SourceOutcomes::all(&found.sources_to_query, "the database is read-only");
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
    let needs_reasons = arguments.why || found.customers == 0;
    let explanations =
        if needs_reasons { explanations(pool, brand, &question, rules).await? } else { Vec::new() };
    let is_nobody = found.customers == 0 && explanations.is_empty();
    let nobody = if is_nobody && arguments.why {
        Some(explain_nobody(&mut *pool.acquire().await?, brand, &question).await?)
    } else {
        None
    };
    Ok(Answer { found, explanations, nobody, sources })
}

/// Prints that Omnidesk would get an error for this spelling.
fn print_refusal(LookupArguments { email, phone, id, .. }: &LookupArguments) {
    let (kind, text) = match (email, phone) {
        (Some(email), _) => (Some(IdentifierKind::Email), email.as_str()),
        (_, Some(phone)) => (Some(IdentifierKind::Phone), phone.as_str()),
        (None, None) => (None, id.as_deref().unwrap_or_default()),
    };
    if let Err(problem) = LookupQuery::of(kind, text).validate() {
        let (status, code) = (problem.status().as_u16(), problem.code());
        print_wrapped(&format!("Over HTTP, this spelling is refused with {status} {code}."), 0);
    }
}

/// Prints what the sources answered.
fn print_sources(sources: &SourceOutcomes) {
    for (source, outcome) in sources.iter() {
        let words = match outcome {
            SourceOutcomes::FOUND => "it knows the person".to_owned(),
            SourceOutcomes::NOT_FOUND => "it does not know the person".to_owned(),
            SourceOutcomes::PENDING => {
                "no answer within the deadline of a lookup (what came later is included here)"
                    .to_owned()
            }
            SourceOutcomes::NOT_ASKED => "it was not asked: no time was left".to_owned(),
            error => format!("it could not be asked: {}", error.replace('_', " ")),
        };
        print_wrapped(&format!("Asked {source}: {words}."), 2);
    }
}

/// Prints how many customers match. An answer without customers may have explanations: then too many match.
fn print_summary(customers: usize, explanations: usize) {
    match (customers, explanations) {
        (0, 0) => print_line("Nobody matches."),
        (0, n) => print_wrapped(
            &format!(
                "At least {n} customers match. This is ambiguous, so Omnidesk gets none of them."
            ),
            0,
        ),
        (1, _) => {}
        (n, _) => print_line(&format!(
            "{n} customers match. All are sent; Omnidesk decides what the agent sees.\n"
        )),
    }
}

async fn explanations(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> anyhow::Result<Vec<Explanation>> {
    let mut connection = pool.acquire().await?;
    let mut explanations = Vec::new();
    for key in find_keys(&mut connection, brand, question, rules).await? {
        explanations.extend(explain(&mut connection, brand, &key).await?);
    }
    Ok(explanations)
}
