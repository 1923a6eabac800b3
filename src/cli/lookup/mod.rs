//! `hookpoint lookup`

mod history;
mod shown_history;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::history::HistoryArguments;
use crate::admin::explain::{Explanation, explain};
use crate::admin::explain_nobody::{NobodyExplanation, explain_nobody};
use crate::admin::find_customers::by_customer_id;
use crate::brand::Brand;
use crate::cli::output::{plain_json, print_line, print_plain};
use crate::cli::question::question;
use crate::cli::session::Session;
use crate::cli::shown_customer::print_customer;
use crate::cli::shown_explanation::print_explanation;
use crate::cli::shown_nobody::print_nobody;
use crate::cli::wrapped::print_wrapped;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{FoundCustomer, ReadRules, find, find_keys};
use crate::settings::Settings;
use crate::storage::pool::Pool;

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
    /// Print the answer as JSON, as Omnidesk gets it
    #[arg(long)]
    json: bool,
    /// Explain the result: why records are linked or kept apart, and where each field comes from
    #[arg(long, conflicts_with = "json")]
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
    let Answer { found, explanations, nobody } = answer?;
    if arguments.json {
        print_line(&plain_json(&found.body));
        return Ok(());
    }
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
}

async fn answer(session: &Session, arguments: &LookupArguments) -> anyhow::Result<Answer> {
    let rules = session.read_rules()?;
    let LookupArguments { email, phone, id, .. } = arguments;
    let brand = session.choose(arguments.brand.as_deref())?;
    let question = question(brand, email.as_deref(), phone.as_deref(), id.as_deref())?;
    let pool = &session.database.pool;
    let question = by_customer_id(pool, brand, question, rules).await?;
    let found = find(pool, brand, &question, rules).await?;
    // An empty answer needs the explanations too: it does not say whether nobody matches, or too many.
    let needs_reasons = arguments.why || found.customers.is_empty();
    let explanations =
        if needs_reasons { explanations(pool, brand, &question, rules).await? } else { Vec::new() };
    let is_nobody = found.customers.is_empty() && explanations.is_empty();
    let nobody = if is_nobody && arguments.why {
        Some(explain_nobody(&mut *pool.acquire().await?, brand, &question).await?)
    } else {
        None
    };
    Ok(Answer { found, explanations, nobody })
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
