//! `hookpoint rebuild`

use clap::Args;
use serde_json::{Value, json};

use super::decision::shown::print_view;
use super::exit::Failure;
use super::identity::preview;
use super::output::{JsonArguments, print_json, print_line};
use super::records_progress::RecordsProgress;
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::admin::rules_preview::{ExpectedCustomers, PreviewState, Unexpected, find_unexpected};
use crate::brand::Brand;
use crate::counted::counted;
use crate::ingest::rebuild::{Progress, rebuild, rebuild_leaving_open};
use crate::settings::Settings;
use crate::storage::pool::Pool;

/// How many of the customers are shown that are not as previewed.
const SAMPLES: usize = 20;

#[derive(Debug, Args)]
pub(super) struct RebuildArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Compute only if the result is the one that `identity preview` showed with this state, and check the result
    /// at the end. Needs --brand if the settings have several brands
    #[arg(long, value_name = "STATE")]
    state: Option<PreviewState>,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn run(arguments: RebuildArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::open(settings).await?;
    let done = match &arguments.state {
        Some(state) => Box::pin(rebuild_as_previewed(&session, &arguments, state)).await,
        None => rebuild_brands(&session, &arguments).await,
    };
    session.close().await;
    done
}

async fn rebuild_brands(session: &Session, arguments: &RebuildArguments) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let (pool, output) = (&session.database.pool, arguments.output);
    for brand in session.brands_of(arguments.brand.as_deref())? {
        let mut progress = RecordsProgress::new(&brand.rules.slug, output);
        let made = rebuild(pool, &brand, &mut |now| progress.show(now)).await?;
        progress.clear();
        all.push(report(&brand, made, output));
    }
    if output.json { print_json(&all) } else { Ok(()) }
}

/// Prints the result. Returns it for scripts.
fn report(brand: &Brand, made: Progress, output: JsonArguments) -> Value {
    let slug = &brand.rules.slug;
    if !output.json {
        let records = counted(made.done, "record", "records");
        let customers = counted(made.customers, "customer", "customers");
        print_line(&format!("{slug}: {records} processed, {customers} new or changed."));
    }
    json!({ "brand": slug, "read": made.done, "changed": made.customers })
}

/// Does what a preview showed, or nothing. Says what is not as the preview showed it.
async fn rebuild_as_previewed(
    session: &Session,
    arguments: &RebuildArguments,
    state: &PreviewState,
) -> anyhow::Result<()> {
    let (pool, output) = (&session.database.pool, arguments.output);
    let brand = session.choose(arguments.brand.as_deref())?;
    let expected = check(pool, brand, state, output).await?;
    let mut progress = RecordsProgress::new(&brand.rules.slug, output);
    let made = rebuild_leaving_open(pool, brand, &mut |now| progress.show(now)).await?;
    progress.clear();
    let unexpected = find_unexpected(pool, brand, expected, SAMPLES).await?;
    let mut result = report(brand, made, output);
    if let Some(result) = result.as_object_mut() {
        result.insert("unexpected".to_owned(), json!(unexpected.count));
    }
    if output.json {
        print_json(&[result])?;
    } else {
        print_unexpected(&unexpected);
    }
    if unexpected.count > 0 {
        let what = counted(unexpected.count, "customer is", "customers are");
        return Err(Failure::problem(format!("{what} not as the preview showed")).into());
    }
    Ok(())
}

/// Fails if the rebuild would not do what the preview showed.
async fn check(
    pool: &Pool,
    brand: &Brand,
    state: &PreviewState,
    output: JsonArguments,
) -> anyhow::Result<ExpectedCustomers> {
    let now = preview(pool, brand, 0, output).await?;
    if now.state == *state {
        return Ok(now.expected);
    }
    let difference = if (now.state.joined, now.state.parted) == (state.joined, state.parted) {
        "the counts are the same, but not the customers".to_owned()
    } else {
        format!(
            "the preview showed {} joining and {} parting customers, now it would be {} and {}",
            state.joined, state.parted, now.state.joined, now.state.parted
        )
    };
    Err(Failure::problem(format!(
        "the result would not be what the preview showed, so nothing was changed: {difference}; \
         records, decisions or settings changed since then, or a service with these settings has begun to apply \
         them; look at a new preview"
    ))
    .into())
}

fn print_unexpected(Unexpected { count, customers }: &Unexpected) {
    if *count == 0 {
        print_line("All customers are as the preview showed them.");
    } else {
        let text =
            "Not as the preview showed, because their records changed meanwhile. They are now:";
        print_wrapped(text, 0);
        customers.iter().for_each(print_view);
    }
}
