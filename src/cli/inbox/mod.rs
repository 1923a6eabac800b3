//! `hookpoint inbox`

mod filter;
mod list;
mod rejected;
mod show;
mod status;
mod tail;
mod verify;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use self::filter::FilterArguments;
use self::list::list;
use self::rejected::{RejectedArguments, rejected};
use self::show::show;
use self::status::status;
use self::tail::{TailArguments, tail};
use self::verify::{VerifyArguments, verify};
use super::actor::ActorArguments;
use super::exit::Failure;
use super::output::{JsonArguments, confirm, print_json, print_line};
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::admin::deliveries::act_on_all;
use crate::clock::Clock;
use crate::counted::counted;
use crate::settings::Settings;
use crate::storage::seen_deliveries::DeliveryAct;

/// The end of the help of `status`.
const COLUMNS: &str = "\
Webhooks, since the first one:
  received    verified and stored
  rejected    not verified: wrong or missing secret or signature
  duplicates  received before; they change nothing
Deliveries that are stored now:
  pending     not applied yet, or to be tried again
  done        applied
  retried     tried more than once, in any state
  dead        could not be applied; a person must replay or discard them
usual gap: how long the source is usually silent at most.";

/// The end of the help of `list`.
const STATES: &str = "\
States:
  pending     not applied yet, or to be tried again at the time that is shown
  done        applied
  dead        could not be applied, also not later; the reason is shown
  discarded   a person decided not to apply it
The service tries again by itself, with growing pauses, up to
inbox.max_attempts times.";

#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// Show counts and problems of the webhooks of each source
    #[command(after_help = COLUMNS)]
    Status {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// List deliveries, the newest first
    #[command(after_help = STATES)]
    List {
        #[command(flatten)]
        which: FilterArguments,
        /// Show at most this many deliveries for each brand
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// List the last webhooks that could not be verified: when, from where, and why
    Rejected(RejectedArguments),
    /// Print each delivery that arrives, and each change of its state, until Ctrl-C
    Tail(TailArguments),
    /// Verify a webhook as the service does, with the secret in the settings, and explain a failure. Needs no database
    Verify(VerifyArguments),
    /// Show one delivery: its state, and the structure of its content
    Show {
        /// Id of the delivery, from `inbox list`
        id: Uuid,
        /// Show the content, with personal data. Writes an audit entry
        #[arg(long)]
        reveal: bool,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Apply deliveries again. This does not change data that is already correct
    Replay(SelectionArguments),
    /// Discard dead or pending deliveries: the service does not apply them
    Discard(DiscardArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// Do not ask for confirmation. Ids need none
    #[arg(long)]
    yes: bool,
}

impl DiscardArguments {
    /// Whether to discard. A filter may select many deliveries, so it asks.
    fn is_confirmed(&self) -> anyhow::Result<bool> {
        let selection = &self.selection;
        if self.yes || !selection.ids.is_empty() {
            return Ok(true);
        }
        selection.check()?;
        selection.output.refuse_question(false)?;
        confirm(
            "Discard all dead and pending deliveries that these arguments select? (`hookpoint inbox list` shows deliveries, and `hookpoint inbox replay --state discarded` takes it back.)",
            "discard all dead and pending deliveries that these arguments select",
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct SelectionArguments {
    /// Ids of deliveries, from `inbox list`
    #[arg(value_name = "ID")]
    ids: Vec<Uuid>,
    #[command(flatten)]
    which: FilterArguments,
    #[command(flatten)]
    actor: ActorArguments,
    /// Select all deliveries. Needed if no id and no filter is given
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: JsonArguments,
}

impl SelectionArguments {
    /// Fails if they select nothing.
    fn check(&self) -> Result<(), Failure> {
        if self.ids.is_empty() && self.which.is_everything() && !self.all {
            let what =
                "select deliveries: by ids, --source, --state, --event, --since, --until, or --all";
            return Err(Failure::mistake(what));
        }
        Ok(())
    }
}

impl InboxCommand {
    const fn is_read_only(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::List { .. }
            | Self::Rejected(_)
            | Self::Tail(_)
            | Self::Verify(_) => true,
            Self::Show { reveal, .. } => !*reveal,
            Self::Replay(_) | Self::Discard(_) => false,
        }
    }
}

pub(crate) async fn run(command: InboxCommand, settings: Settings) -> anyhow::Result<()> {
    if let InboxCommand::Verify(arguments) = &command {
        return verify(arguments, &settings, Clock::system().now());
    }
    let session = if command.is_read_only() {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let done = run_in(&session, &command, Clock::system().now()).await;
    session.close().await;
    done
}

async fn run_in(session: &Session, command: &InboxCommand, now: Timestamp) -> anyhow::Result<()> {
    let pool = &session.database.pool;
    match command {
        InboxCommand::Status { brand, output } => {
            status(pool, &session.select(brand.as_deref())?, *output, now).await?;
        }
        InboxCommand::List { which, limit, output } => {
            let brands = session.select(which.brand.as_deref())?;
            list(pool, &brands, (&which.which(&[]), *limit), *output).await?;
        }
        InboxCommand::Rejected(arguments) => rejected(session, arguments).await?,
        InboxCommand::Tail(arguments) => tail(session, arguments).await?,
        // It needs no database.
        InboxCommand::Verify(_) => {}
        InboxCommand::Show { id, reveal, actor, output } => {
            let actor = actor.actor();
            show(session, *id, (reveal.then_some(&actor), *output), now).await?;
        }
        InboxCommand::Replay(selection) => {
            let count = for_selected(session, selection, DeliveryAct::Replay, now).await?;
            print_count(DeliveryAct::Replay, count, selection.output)?;
        }
        InboxCommand::Discard(arguments) if !arguments.is_confirmed()? => {
            print_line("Nothing was discarded.");
        }
        InboxCommand::Discard(DiscardArguments { selection, .. }) => {
            let count = for_selected(session, selection, DeliveryAct::Discard, now).await?;
            print_count(DeliveryAct::Discard, count, selection.output)?;
        }
    }
    Ok(())
}

/// Prints how many deliveries it was.
fn print_count(act: DeliveryAct, count: u64, output: JsonArguments) -> anyhow::Result<()> {
    if output.json {
        let outcome = match act {
            DeliveryAct::Replay => "replayed",
            DeliveryAct::Discard => "discarded",
        };
        return print_json(&json!({ "outcome": outcome, "deliveries": count }));
    }
    let text = match act {
        DeliveryAct::Replay => format!(
            "{} to apply again. A running service starts at once; `hookpoint inbox status` shows how many are still pending.",
            counted(count, "delivery", "deliveries")
        ),
        DeliveryAct::Discard => format!("{} discarded.", counted(count, "delivery", "deliveries")),
    };
    print_wrapped(&text, 0);
    Ok(())
}

/// The message if the arguments name deliveries by their ids, and none of them changes.
const fn nothing(act: DeliveryAct) -> &'static str {
    match act {
        DeliveryAct::Replay => {
            "no delivery with these ids exists, or it is being applied now; `hookpoint inbox list` shows the ids"
        }
        DeliveryAct::Discard => {
            "no delivery with these ids is dead or pending; `hookpoint inbox list` shows the states"
        }
    }
}

/// Changes the selected deliveries of each brand. Returns how many.
async fn for_selected(
    session: &Session,
    selection: &SelectionArguments,
    act: DeliveryAct,
    now: Timestamp,
) -> anyhow::Result<u64> {
    let SelectionArguments { ids, which, actor, .. } = selection;
    selection.check()?;
    let (pool, filter, actor) = (&session.database.pool, which.which(ids), actor.actor());
    let mut count = 0_u64;
    for brand in session.select(which.brand.as_deref())? {
        let of_brand = act_on_all(pool, &brand, (act, &filter), actor.attribution(), now).await?;
        count = count.saturating_add(of_brand);
    }
    if count == 0 && !ids.is_empty() {
        return Err(Failure::not_found(nothing(act)).into());
    }
    Ok(count)
}
