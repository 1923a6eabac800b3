//! `hookpoint customer`

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::audit::{Act, ActorArguments};
use super::{lookup, open, plain, plain_json, rebuild, say};
use crate::app::open_brands;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::RecordKey;
use crate::erasure::erase::{ErasureTarget, Progress, Receipt, erase, revoke_erasure};
use crate::erasure::export::export;
use crate::erasure::reconcile::{adopt_keys, reconcile};
use crate::erasure::suppression_file::SuppressionFile;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{ReadRules, find, find_keys};
use crate::settings::file::MultipleMatches;
use crate::settings::{Settings, suppression_file};
use crate::storage::customers::{find_customer, find_owner};
use crate::storage::database::Database;
use crate::storage::purge::{NamesakeRow, list_remains, list_same_names};

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Forget a person for good: everything held, and whatever comes in later; the service may go on
    Erase {
        #[command(flatten)]
        whom: WhomArguments,
        /// Who wants it, for the audit; whoever is logged in, if left out. Why isn't kept of an erasure
        #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Take an erasure back: what comes in from now on counts again
    Unerase {
        #[command(flatten)]
        whom: WhomArguments,
        #[command(flatten)]
        actor: ActorArguments,
    },
    /// Everything held about a person, as JSON
    Export {
        #[command(flatten)]
        whom: WhomArguments,
        #[command(flatten)]
        actor: ActorArguments,
    },
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("whom").required(true)))]
pub(super) struct WhomArguments {
    /// The brand; may be left out when there is only one
    #[arg(long)]
    brand: Option<String>,
    /// Who has this e-mail address
    #[arg(long, group = "whom", value_name = "ADDRESS")]
    email: Option<String>,
    /// Who has this phone number, in any usual spelling
    #[arg(long, group = "whom", value_name = "NUMBER")]
    phone: Option<String>,
    /// Who has this customer id or record id
    #[arg(long, group = "whom", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
}

pub(super) async fn run(command: CustomerCommand, settings: Settings) -> anyhow::Result<()> {
    let database = open(&settings).await?;
    let done = with(&database, command, settings).await;
    database.close().await;
    done
}

async fn with(database: &Database, command: CustomerCommand, settings: Settings) -> anyhow::Result<()> {
    let (names, ledger) = (crate::cli::names_of(&settings.brands), SuppressionFile::new(suppression_file(&settings.file)));
    adopt_keys(&database.pool, &ledger, &settings.brands.iter().map(|rules| rules.slug.as_str()).collect::<Vec<_>>()).await?;
    let most = usize::try_from(settings.file.lookup.max_customers)?;
    let brands = open_brands(database, settings.brands).await?;
    let (CustomerCommand::Erase { whom, .. } | CustomerCommand::Unerase { whom, .. } | CustomerCommand::Export { whom, .. }) = &command;
    let brand = lookup::choose(&brands, whom.brand.as_deref(), &names)?;
    let question = lookup::question(brand, whom.email.as_deref(), whom.phone.as_deref(), whom.id.clone())?;
    let person = Person { database, brand, question: &question, rules: ReadRules { max_customers: most, multiple_matches: MultipleMatches::All } };
    match command {
        CustomerCommand::Erase { yes, by, .. } => {
            // One that was interrupted is finished first.
            let now = Clock::system().now();
            reconcile(&database.pool, brand, (&ledger, settings.file.erasure.max_erased_percent), now, now).await?;
            let records = person.find(!yes).await?;
            if !yes && !confirm()? {
                say("Nothing was erased.");
                return Ok(());
            }
            let namesakes = list_same_names(&mut *database.pool.acquire().await?, brand.id(), &records).await?;
            // Not whose records: nothing is to be left that leads to them.
            let act = Act { action: "erase customer", records: None, target: format!("{} records", records.len()) };
            let begun = ActorArguments::of(&by).begin(&database.pool, brand, act).await?;
            let bar = rebuild::bar("inbox", "deliveries");
            let mut on_progress = |progress: Progress| {
                bar.set_length(progress.total.max(progress.done));
                bar.set_position(progress.done);
            };
            let receipt = erase(&database.pool, brand, &ledger, (&records, Clock::system().now()), &mut on_progress).await?;
            bar.finish_and_clear();
            begun.end(&format!("erased: {}", receipt.erasure_id)).await?;
            show(brand, &receipt);
            show_namesakes(&namesakes);
        }
        CustomerCommand::Unerase { actor, .. } => {
            let act = Act { action: "take erasure back", records: None, target: String::new() };
            let begun = actor.begin(&database.pool, brand, act).await?;
            let taken_back = revoke_erasure(&database.pool, brand, &ledger, &person.whom(), Clock::system().now()).await?;
            begun.end(&format!("{taken_back} of them")).await?;
            anyhow::ensure!(taken_back > 0, "no erasure names that");
            say("Taken back: what comes in from now on counts again. What was erased does not come back by itself.");
        }
        CustomerCommand::Export { actor, .. } => {
            let records = person.find(false).await?;
            let act = Act { action: "export customer", records: Some(&records), target: String::new() };
            actor.begin(&database.pool, brand, act).await?.end("exported").await?;
            say(&plain_json(&serde_json::to_string_pretty(&export(&database.pool, brand, &records).await?)?));
        }
    }
    Ok(())
}

/// Whom a command is about.
struct Person<'a> {
    database: &'a Database,
    brand: &'a Brand,
    question: &'a Question,
    rules: ReadRules,
}

impl Person<'_> {
    fn whom(&self) -> ErasureTarget {
        match self.question {
            Question::Address(address) => ErasureTarget::Address(address.clone()),
            Question::Id(id) => ErasureTarget::Id(id.clone()),
        }
    }

    /// The records of the one who is meant; shows whom it found, if told to or when that isn't one.
    async fn find(&self, shows: bool) -> anyhow::Result<BTreeSet<RecordKey>> {
        let Self { database, brand, question, rules } = self;
        let mut connection = database.pool.acquire().await?;
        let record = self.record_key();
        let keys = match &record {
            Some(record) => find_owner(&mut connection, brand.id(), record).await?.into_iter().collect(),
            None => find_keys(&mut connection, brand, question, *rules).await?,
        };
        let mut found = Vec::new();
        for key in &keys {
            found.extend(find_customer(&mut connection, brand.id(), key).await?.map(|(id, records)| (key, id, records)));
        }
        if shows || found.len() > 1 {
            for (key, id, _) in &found {
                let answer = find(&database.pool, brand, &Question::Id(id.clone()), *rules).await?;
                let customers: Vec<Value> = serde_json::from_str(&answer.body)?;
                customers.iter().for_each(lookup::show);
                lookup::line(&format!("  key         {key}"));
            }
        }
        anyhow::ensure!(found.len() < 2, "several customers match: say which, with --id and its key");
        let records = found.into_iter().flat_map(|(.., records)| records).filter_map(|key| key.parse().ok()).collect::<BTreeSet<_>>();
        if !records.is_empty() {
            return Ok(records);
        }
        // Their source deleted them, and events may be left.
        let remains = list_remains(&mut connection, brand.id(), &record.map_or_else(|| self.whom().record_keys(), |record| [record].into())).await?;
        anyhow::ensure!(!remains.is_empty(), "nobody matches");
        if shows {
            say("No customer has that id, but something is left of records that had it.");
        }
        Ok(remains)
    }

    /// The key of one record, where that is what was given.
    fn record_key(&self) -> Option<RecordKey> {
        match self.question {
            Question::Id(id) => id.parse().ok(),
            Question::Address(_) => None,
        }
    }
}

fn confirm() -> anyhow::Result<bool> {
    anyhow::ensure!(std::io::stdin().is_terminal(), "there is nobody to ask: say --yes to erase this customer for good");
    let mut out = std::io::stdout();
    write!(out, "\nErase this customer for good? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Who may be the same person all the same, and was kept apart.
fn show_namesakes(namesakes: &[NamesakeRow]) {
    if namesakes.is_empty() {
        return;
    }
    say("\nNot erased, although they have the same name and an address in common with that customer, of whom they are kept apart:");
    for row in namesakes {
        let why = row.grounds.as_deref().unwrap_or("another customer here");
        say(&plain(&format!("  {}: the same {} ({why})", row.record, row.kind)));
    }
    say("If one of them is the same person, erase it too: hookpoint customer erase --id KEY.");
}

/// Nothing in it says whom: it may be kept.
fn show(brand: &Brand, receipt: &Receipt) {
    let counts = receipt.counts;
    say("\nErased.");
    say(&format!("  erasure         {}", receipt.erasure_id));
    say(&format!("  time            {}", receipt.erased_at.strftime("%F %T UTC")));
    say(&format!("  brand           {}", brand.rules.slug));
    say(&format!("  records         {}", counts.records));
    say(&format!("  events          {}", counts.events));
    say(&format!("  deliveries      {}", counts.deliveries));
    say(&format!("  ledger entries  {}", receipt.entries));
}
