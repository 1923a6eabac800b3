//! `hookpoint customer`

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::audit::{Act, ActorArguments};
use super::{lookup, open, plain, plain_json, print_line, rebuild};
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
use crate::storage::person::{NamesakeRow, list_remains, list_same_names};

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    /// Erase a person for good: delete the stored data, and drop data that arrives later. The service may keep running
    Erase {
        #[command(flatten)]
        target: TargetArguments,
        /// Name of the person who wants this, for the audit log (an erasure has no reason there). Default: the login
        /// name
        #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Revoke an erasure: accept new data about the person again
    Unerase {
        #[command(flatten)]
        target: TargetArguments,
        #[command(flatten)]
        actor: ActorArguments,
    },
    /// Print all stored data about a person, as JSON
    Export {
        #[command(flatten)]
        target: TargetArguments,
        #[command(flatten)]
        actor: ActorArguments,
    },
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("whom").required(true)))]
pub(super) struct TargetArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// E-mail address of the person
    #[arg(long, group = "whom", value_name = "ADDRESS")]
    email: Option<String>,
    /// Phone number of the person, in any usual spelling
    #[arg(long, group = "whom", value_name = "NUMBER")]
    phone: Option<String>,
    /// Customer id or record id of the person
    #[arg(long, group = "whom", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
}

pub(super) async fn run(command: CustomerCommand, settings: Settings) -> anyhow::Result<()> {
    let database = open(&settings).await?;
    let done = with(&database, command, settings).await;
    database.close().await;
    done
}

async fn with(
    database: &Database,
    command: CustomerCommand,
    settings: Settings,
) -> anyhow::Result<()> {
    let (names, suppressions) = (
        crate::cli::names_of(&settings.brands),
        SuppressionFile::new(suppression_file(&settings.file)),
    );
    adopt_keys(
        &database.pool,
        &suppressions,
        &settings.brands.iter().map(|rules| rules.slug.as_str()).collect::<Vec<_>>(),
    )
    .await?;
    let most = usize::try_from(settings.file.lookup.max_customers)?;
    let brands = open_brands(database, settings.brands).await?;
    let (CustomerCommand::Erase { target, .. }
    | CustomerCommand::Unerase { target, .. }
    | CustomerCommand::Export { target, .. }) = &command;
    let brand = lookup::choose(&brands, target.brand.as_deref(), &names)?;
    let question = lookup::question(
        brand,
        target.email.as_deref(),
        target.phone.as_deref(),
        target.id.clone(),
    )?;
    let person = Person {
        database,
        brand,
        question: &question,
        rules: ReadRules { max_customers: most, multiple_matches: MultipleMatches::All },
    };
    match command {
        CustomerCommand::Erase { yes, by, .. } => {
            // First, finish erasures that were interrupted.
            let now = Clock::system().now();
            reconcile(
                &database.pool,
                brand,
                &suppressions,
                settings.file.erasure.max_erased_percent,
                now,
                now,
            )
            .await?;
            let records = person.find(!yes).await?;
            if !yes && !confirm()? {
                print_line("Nothing was erased.");
                return Ok(());
            }
            let namesakes =
                list_same_names(&mut *database.pool.acquire().await?, brand.id(), &records).await?;
            // The entry names no records: after an erasure, nothing may lead to the person.
            let act = Act {
                action: "erase customer",
                records: None,
                target: format!("{} records", records.len()),
            };
            let entry = ActorArguments::of(&by).begin(&database.pool, brand, act).await?;
            let bar = rebuild::bar("inbox", "deliveries");
            let mut on_progress = |progress: Progress| {
                bar.set_length(progress.total.max(progress.done));
                bar.set_position(progress.done);
            };
            let receipt = erase(
                &database.pool,
                brand,
                &suppressions,
                &records,
                Clock::system().now(),
                &mut on_progress,
            )
            .await?;
            bar.finish_and_clear();
            entry.end(&format!("erased: {}", receipt.erasure_id)).await?;
            show(brand, &receipt);
            show_namesakes(&namesakes);
        }
        CustomerCommand::Unerase { actor, .. } => {
            let act = Act { action: "revoke erasure", records: None, target: String::new() };
            let entry = actor.begin(&database.pool, brand, act).await?;
            let taken_back = revoke_erasure(
                &database.pool,
                brand,
                &suppressions,
                &person.target(),
                Clock::system().now(),
            )
            .await?;
            entry.end(&format!("erasures: {taken_back}")).await?;
            anyhow::ensure!(
                taken_back > 0,
                "no erasure was found: nothing with this address or id was erased, or its erasure is already revoked"
            );
            print_line(
                "Erasure revoked. New data about this person is accepted again. The erased data does not come back by itself.",
            );
        }
        CustomerCommand::Export { actor, .. } => {
            let records = person.find(false).await?;
            let act =
                Act { action: "export customer", records: Some(&records), target: String::new() };
            actor.begin(&database.pool, brand, act).await?.end("exported").await?;
            print_line(&plain_json(&serde_json::to_string_pretty(
                &export(&database.pool, brand, &records).await?,
            )?));
        }
    }
    Ok(())
}

/// The person that a command is about. Finds the person's records.
struct Person<'a> {
    database: &'a Database,
    brand: &'a Brand,
    question: &'a Question,
    rules: ReadRules,
}

impl Person<'_> {
    fn target(&self) -> ErasureTarget {
        match self.question {
            Question::Address(address) => ErasureTarget::Address(address.clone()),
            Question::Id(id) => ErasureTarget::Id(id.clone()),
        }
    }

    /// Finds the records of the person. Prints the customers that match if `shows` is set, or if there are several.
    async fn find(&self, shows: bool) -> anyhow::Result<BTreeSet<RecordKey>> {
        let Self { database, brand, question, rules } = self;
        let mut connection = database.pool.acquire().await?;
        let record = self.record_key();
        let keys = match &record {
            Some(record) => {
                find_owner(&mut connection, brand.id(), record).await?.into_iter().collect()
            }
            None => find_keys(&mut connection, brand, question, *rules).await?,
        };
        let mut found = Vec::new();
        for key in &keys {
            found.extend(
                find_customer(&mut connection, brand.id(), key)
                    .await?
                    .map(|(id, records)| (key, id, records)),
            );
        }
        if shows || found.len() > 1 {
            for (key, id, _) in &found {
                let answer = find(&database.pool, brand, &Question::Id(id.clone()), *rules).await?;
                let customers: Vec<Value> = serde_json::from_str(&answer.body)?;
                customers.iter().for_each(lookup::show);
                lookup::line(&format!("  key         {key}"));
            }
        }
        anyhow::ensure!(
            found.len() < 2,
            "several customers match; choose one: --id with its record key"
        );
        let records = found
            .into_iter()
            .flat_map(|(.., records)| records)
            .filter_map(|key| key.parse().ok())
            .collect::<BTreeSet<_>>();
        if !records.is_empty() {
            return Ok(records);
        }
        // If the source deleted the records, their events may still be stored.
        let remains = list_remains(
            &mut connection,
            brand.id(),
            &record.map_or_else(|| self.target().record_keys(), |record| [record].into()),
        )
        .await?;
        anyhow::ensure!(!remains.is_empty(), "nobody matches");
        if shows {
            print_line(
                "No customer has this id, but some data of a deleted record with this id is left.",
            );
        }
        Ok(remains)
    }

    /// The record key, if the given id is one.
    fn record_key(&self) -> Option<RecordKey> {
        match self.question {
            Question::Id(id) => id.parse().ok(),
            Question::Address(_) => None,
        }
    }
}

fn confirm() -> anyhow::Result<bool> {
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "cannot ask for confirmation without a terminal; add --yes to erase this customer for good"
    );
    let mut out = std::io::stdout();
    write!(out, "\nErase this customer for good? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Prints the records that have the same name and an address in common with the erased person, but were kept apart.
fn show_namesakes(namesakes: &[NamesakeRow]) {
    if namesakes.is_empty() {
        return;
    }
    print_line(
        "\nNot erased: these records have the same name and an address in common with that customer, but are kept apart:",
    );
    for row in namesakes {
        let why = row.grounds.as_deref().unwrap_or("another customer");
        print_line(&plain(&format!("  {}: the same {} ({why})", row.record, row.kind)));
    }
    print_line(
        "If one of them is the same person, erase it too: hookpoint customer erase --id KEY.",
    );
}

/// Prints the receipt. It names no person, so it may be kept.
fn show(brand: &Brand, receipt: &Receipt) {
    let counts = receipt.counts;
    print_line("\nErased.");
    print_line(&format!("  erasure         {}", receipt.erasure_id));
    print_line(&format!("  time            {}", receipt.erased_at.strftime("%F %T UTC")));
    print_line(&format!("  brand           {}", brand.rules.slug));
    print_line(&format!("  records         {}", counts.records));
    print_line(&format!("  events          {}", counts.events));
    print_line(&format!("  deliveries      {}", counts.deliveries));
    print_line(&format!("  suppressions    {}", receipt.entries));
}
