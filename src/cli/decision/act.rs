//! Shows what an act would do, asks, and does it.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::shown::{print_views, view_as_json};
use crate::admin::decisions::{Act, Decided, DecisionError, Preview, StateToken, decide, preview};
use crate::brand::Brand;
use crate::cli::actor::ActorArguments;
use crate::cli::exit::Failure;
use crate::cli::output::{OutputArguments, confirm, print_json, print_line};
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::clock::Clock;

/// The arguments of a command that decides.
#[derive(Debug, Args)]
pub(in crate::cli) struct ActArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    #[command(flatten)]
    actor: ActorArguments,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Show what would happen, and decide nothing
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Decide only if the result is the one that --preview showed with this state
    #[arg(long, value_name = "STATE")]
    state: Option<StateToken>,
    #[command(flatten)]
    output: OutputArguments,
}

/// What to ask, and what `--yes` would do.
#[derive(Clone, Copy)]
pub(in crate::cli) struct ActWords {
    pub question: &'static str,
    pub action: &'static str,
}

impl ActArguments {
    /// Who puts a question away, and how that is printed. Nothing is decided, so there is nothing to preview.
    pub(in crate::cli) fn put_away(&self) -> Result<(&ActorArguments, &OutputArguments), Failure> {
        if self.preview || self.state.is_some() {
            let what = "`later` decides nothing, so it has no --preview and no --state";
            return Err(Failure::mistake(what));
        }
        Ok((&self.actor, &self.output))
    }

    /// The brand.
    pub(in crate::cli) fn brand<'s>(
        &self,
        session: &'s Session,
    ) -> Result<&'s Arc<Brand>, Failure> {
        session.choose(self.brand.as_deref())
    }
}

/// Shows what an act would do, asks, and does it.
pub(in crate::cli) async fn run_act(
    session: &Session,
    brand: &Brand,
    act: &Act,
    arguments: &ActArguments,
    words: ActWords,
) -> anyhow::Result<()> {
    let output = &arguments.output;
    output.refuse_question(arguments.yes || arguments.preview)?;
    let pool = &session.database.pool;
    let mut expected = arguments.state.clone();
    if !arguments.yes {
        let preview = preview(pool, brand, act).await.map_err(failure)?;
        if arguments.preview {
            return print_preview(brand, &preview, output);
        }
        print_customers(&preview);
        if !confirm(words.question, words.action)? {
            print_line("Nothing was decided.");
            return Ok(());
        }
        expected = expected.or(Some(preview.state));
    }
    let actor = arguments.actor.actor();
    let by = (actor.attribution(), Clock::system().now());
    let decided = decide(pool, brand, act, expected.as_ref(), by).await.map_err(failure)?;
    print_decided(brand, act, &decided, output)
}

/// An error with its exit code, and the decisions that it names.
fn failure(error: DecisionError) -> anyhow::Error {
    match &error {
        DecisionError::NoRecord(key) => Failure::not_found(format!(
            "there is no record {key}, or its source deleted it; `hookpoint customer show` lists the records"
        ))
        .into(),
        DecisionError::NoDecision => Failure::not_found(error.to_string()).into(),
        DecisionError::TooFew
        | DecisionError::NothingStays
        | DecisionError::NotAnAddress
        | DecisionError::NameRecords => {
            Failure::mistake(error.to_string()).into()
        }
        DecisionError::Contradicts(ids) | DecisionError::AlreadyDecided(ids) => {
            let ids: String = ids.iter().map(|id| format!("\n  {id}")).collect();
            anyhow::anyhow!("{error}:{ids}")
        }
        _ => match error {
            DecisionError::Storage(error) => error.into(),
            error => anyhow::Error::from(error),
        },
    }
}

fn print_customers(preview: &Preview) {
    print_line("Now:\n");
    print_views(&preview.before);
    print_line("\nAfter it:\n");
    print_views(&preview.after);
}

fn print_preview(brand: &Brand, preview: &Preview, output: &OutputArguments) -> anyhow::Result<()> {
    if output.is_json() {
        return print_json(&json!({
            "brand": brand.rules.slug,
            "outcome": "preview",
            "state": preview.state.to_string(),
            "customers_before": preview.before.iter().map(view_as_json).collect::<Vec<_>>(),
            "customers": preview.after.iter().map(view_as_json).collect::<Vec<_>>(),
        }));
    }
    print_customers(preview);
    print_wrapped(
        &format!("\nNothing was decided. To decide just this, add --state {}", preview.state),
        2,
    );
    Ok(())
}

fn print_decided(
    brand: &Brand,
    act: &Act,
    decided: &Decided,
    output: &OutputArguments,
) -> anyhow::Result<()> {
    let is_undone = matches!(act, Act::Undo(_));
    if output.is_json() {
        return print_json(&json!({
            "brand": brand.rules.slug,
            "outcome": if is_undone { "undone" } else { "decided" },
            "decision_id": decided.decision_id,
            "customers": decided.customers.iter().map(view_as_json).collect::<Vec<_>>(),
        }));
    }
    let id = decided.decision_id;
    if is_undone {
        print_line(&format!("Undone: {id}\n"));
    } else {
        print_line(&format!("Decided: {id}\n"));
    }
    print_views(&decided.customers);
    if !is_undone {
        print_line(&format!("\nTo undo it: hookpoint decision undo {id}"));
    }
    Ok(())
}
