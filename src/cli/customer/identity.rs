//! `hookpoint customer show`, `history`, `join`, `separate` and `confirm`

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::target::{TargetArguments, usage};
use crate::admin::decisions::{Act, views_of};
use crate::admin::find_customers::{Match, find_customers};
use crate::admin::history::history;
use crate::brand::Brand;
use crate::cli::audit::{print_action, row_as_json};
use crate::cli::decision::act::{ActArguments, ActWords, run_act};
use crate::cli::decision::shown::{decision_as_json, print_decision, print_view, view_as_json};
use crate::cli::exit::Failure;
use crate::cli::output::{OutputArguments, print_error, print_json, print_line};
use crate::cli::question::address;
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::record::RecordKey;
use crate::lookup::query_customers::ReadRules;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum IdentityCommand {
    /// Show the customers with an address or id: who they are, their records with the keys, and the decisions in force
    #[command(override_usage = usage("show"))]
    Show(ShowArguments),
    /// Show what people decided and did about a customer, also what was undone
    #[command(override_usage = usage("history"))]
    History(ShowArguments),
    /// Decide that records are the same person. Shows the result, and asks before it decides
    Join(RecordsArguments),
    /// Decide that records are not the same person as the other records of their customer. Those that you name leave
    Separate(RecordsArguments),
    /// Decide that an address belongs to a customer, although only a form contains it
    #[command(override_usage = CONFIRM_USAGE)]
    Confirm(ConfirmArguments),
}

/// In two lines, because one would be too long for a terminal.
const CONFIRM_USAGE: &str =
    "hookpoint customer confirm [OPTIONS] <RECORD>\n       <--email <ADDRESS>|--phone <NUMBER>>";

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecordsArguments {
    /// Keys of records (SOURCE.KIND:ID); `customer show` lists them
    #[arg(value_name = "RECORD", required = true, value_parser = record_key)]
    records: Vec<RecordKey>,
    #[command(flatten)]
    act: ActArguments,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("address").required(true)))]
pub(in crate::cli) struct ConfirmArguments {
    /// Key of any record of the customer (SOURCE.KIND:ID)
    #[arg(value_name = "RECORD", value_parser = record_key)]
    record: RecordKey,
    /// The e-mail address
    #[arg(long, group = "address", value_name = "ADDRESS")]
    email: Option<String>,
    /// The phone number, in any usual spelling
    #[arg(long, group = "address", value_name = "NUMBER")]
    phone: Option<String>,
    #[command(flatten)]
    act: ActArguments,
}

/// The key of a record, from an argument.
pub(super) fn record_key(text: &str) -> Result<RecordKey, &'static str> {
    text.parse()
        .ok()
        .filter(|key: &RecordKey| !key.id.is_empty())
        .ok_or("this is no key of a record; a key has the form SOURCE.KIND:ID")
}

pub(super) async fn run(command: IdentityCommand, settings: Settings) -> anyhow::Result<()> {
    if let IdentityCommand::Show(arguments) | IdentityCommand::History(arguments) = &command {
        let is_history = matches!(command, IdentityCommand::History(_));
        let session = Session::read_only(settings).await?;
        let done = if is_history {
            show_history(&session, arguments).await
        } else {
            show(&session, arguments).await
        };
        session.close().await;
        return done;
    }
    let session = Session::open(settings).await?;
    let done = decide(&session, &command).await;
    session.close().await;
    done
}

async fn decide(session: &Session, command: &IdentityCommand) -> anyhow::Result<()> {
    match command {
        IdentityCommand::Join(RecordsArguments { records, act }) => {
            let join = Act::Join(records.iter().cloned().collect());
            let words = ActWords {
                question: "Are these records the same person?",
                action: "join these records",
            };
            run_act(session, act.brand(session)?, &join, act, words).await
        }
        IdentityCommand::Separate(RecordsArguments { records, act }) => {
            let separate = Act::Separate(records.iter().cloned().collect());
            let words = ActWords {
                question: "Are these records another person than the records that stay?",
                action: "separate these records",
            };
            run_act(session, act.brand(session)?, &separate, act, words).await
        }
        IdentityCommand::Confirm(ConfirmArguments { record, email, phone, act }) => {
            let brand = act.brand(session)?;
            let address = address(brand, email.as_deref(), phone.as_deref())?;
            let words = ActWords {
                question: "Does this address belong to this customer?",
                action: "confirm this address",
            };
            run_act(session, brand, &Act::Confirm(address, record.clone()), act, words).await
        }
        IdentityCommand::Show(_) | IdentityCommand::History(_) => Ok(()),
    }
}

/// The most customers that are shown. A lookup finds fewer.
const MOST_SHOWN: usize = 100;

/// The customers that match, at least one.
async fn matches(
    session: &Session,
    arguments: &ShowArguments,
) -> anyhow::Result<(Arc<Brand>, Vec<Match>)> {
    let (brand, question) = arguments.target.resolve(session)?;
    let rules = ReadRules { max_customers: MOST_SHOWN.saturating_add(1), ..session.read_rules() };
    let mut found = find_customers(&session.database.pool, brand, &question, rules).await?;
    if found.len() > MOST_SHOWN {
        found.truncate(MOST_SHOWN);
        print_error(&format!("More than {MOST_SHOWN} customers match. These are some of them."));
    }
    if found.is_empty() {
        let what = "no customer has this address or id; `hookpoint lookup --why` says more";
        return Err(Failure::not_found(what).into());
    }
    Ok((Arc::clone(brand), found))
}

async fn show(session: &Session, arguments: &ShowArguments) -> anyhow::Result<()> {
    let (brand, found) = matches(session, arguments).await?;
    let mut connection = session.database.pool.acquire().await?;
    let mut all = Vec::new();
    for found in found {
        let views = views_of(&mut connection, &brand, &BTreeSet::from([found.key])).await?;
        let history = history(&mut connection, &brand, &found.records, 0).await?;
        let in_force: Vec<_> =
            history.decisions.into_iter().filter(|row| row.undone_at.is_none()).collect();
        all.extend(views.into_iter().map(|view| (view, in_force.clone())));
    }
    if arguments.output.is_json() {
        let customers = all.iter().map(|(view, decisions)| {
            let mut customer = view_as_json(view);
            let decisions: Vec<_> = decisions.iter().map(decision_as_json).collect();
            if let Some(customer) = customer.as_object_mut() {
                customer.insert("brand".to_owned(), json!(brand.rules.slug));
                customer.insert("decisions".to_owned(), json!(decisions));
            }
            customer
        });
        return print_json(&customers.collect::<Vec<_>>());
    }
    for (view, decisions) in &all {
        print_view(view);
        if !decisions.is_empty() {
            print_line("  decisions in force");
            decisions.iter().for_each(|row| print_decision(row, 4));
        }
        print_line("");
    }
    Ok(())
}

async fn show_history(session: &Session, arguments: &ShowArguments) -> anyhow::Result<()> {
    let (brand, found) = matches(session, arguments).await?;
    let mut connection = session.database.pool.acquire().await?;
    let records = found.into_iter().flat_map(|found| found.records).collect();
    let history = history(&mut connection, &brand, &records, i64::MAX).await?;
    if arguments.output.is_json() {
        return print_json(&json!({
            "brand": brand.rules.slug,
            "decisions": history.decisions.iter().map(decision_as_json).collect::<Vec<_>>(),
            "actions": history.actions.iter().map(|row| row_as_json(&brand, row)).collect::<Vec<_>>(),
        }));
    }
    if history.decisions.is_empty() && history.actions.is_empty() {
        print_wrapped("Nobody decided or did anything about this customer.", 0);
    }
    if !history.decisions.is_empty() {
        print_line("Decisions:");
        history.decisions.iter().for_each(|row| print_decision(row, 2));
    }
    if !history.actions.is_empty() {
        print_line("Actions (audit log):");
        history.actions.iter().for_each(|row| print_action(&brand, row));
    }
    Ok(())
}
