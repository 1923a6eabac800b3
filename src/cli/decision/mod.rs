//! `hookpoint decision`

pub(super) mod act;
pub(super) mod shown;

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use self::act::{ActArguments, ActWords, run_act};
use self::shown::{decision_as_json, print_decision};
use super::output::{OutputArguments, print_json, print_line};
use super::session::Session;
use crate::admin::decisions::Act;
use crate::settings::Settings;
use crate::storage::decisions::{Which, list_decisions};
use crate::storage::page_key::PageKey;

#[derive(Debug, Subcommand)]
pub(super) enum DecisionCommand {
    /// List the decisions of people, the newest first
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        /// Also decisions that were undone
        #[arg(long)]
        all: bool,
        /// Look at this many decisions of each brand at most, the newest
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Undo a decision: customers are then as if it had never been made. Shows the result, and asks before it undoes
    Undo {
        /// Id of the decision
        #[arg(value_name = "ID")]
        id: Uuid,
        #[command(flatten)]
        act: ActArguments,
    },
}

pub(super) async fn run(command: DecisionCommand, settings: Settings) -> anyhow::Result<()> {
    match command {
        DecisionCommand::List { brand, all, limit, output } => {
            let session = Session::read_only(settings).await?;
            let done = list(&session, brand.as_deref(), (all, limit), &output).await;
            session.close().await;
            done
        }
        DecisionCommand::Undo { id, act } => {
            let session = Session::open(settings).await?;
            let done = undo(&session, id, &act).await;
            session.close().await;
            done
        }
    }
}

async fn list(
    session: &Session,
    slug: Option<&str>,
    (all, limit): (bool, u32),
    output: &OutputArguments,
) -> anyhow::Result<()> {
    let mut listed = Vec::new();
    for brand in session.brands_of(slug)? {
        let mut connection = session.database.pool.acquire().await?;
        let rows =
            list_decisions(&mut connection, brand.id(), Which::Newest(PageKey::NEWEST, limit))
                .await?;
        let rows = rows.into_iter().filter(|row| all || row.undone_at.is_none());
        listed.extend(rows.map(|row| (brand.rules.slug.clone(), row)));
    }
    if output.is_json() {
        let rows = listed.iter().map(|(slug, row)| {
            let mut decision = decision_as_json(row);
            if let Some(decision) = decision.as_object_mut() {
                decision.insert("brand".to_owned(), json!(slug));
            }
            decision
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    if listed.is_empty() {
        print_line("There are no decisions.");
    }
    listed.iter().for_each(|(_, row)| print_decision(row, 0));
    Ok(())
}

async fn undo(session: &Session, id: Uuid, act: &ActArguments) -> anyhow::Result<()> {
    let words = ActWords { question: "Undo this decision?", action: "undo this decision" };
    run_act(session, act.brand(session)?, &Act::Undo(id), act, words).await
}
