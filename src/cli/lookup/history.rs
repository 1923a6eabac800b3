//! `hookpoint lookup trace`

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, value_parser};
use uuid::Uuid;

use super::shown_history::{as_json, print_lookup};
use crate::admin::past_lookups::{LookupSearch, PastLookup, find_past_lookups};
use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, print_json};
use crate::cli::question::question;
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::settings::Settings;

/// In lines that fit a terminal.
const USAGE: &str = "hookpoint lookup trace [OPTIONS]
       <--ticket <ID>|--request <ID>|--customer <ID>
       |--email <ADDRESS>|--phone <NUMBER>|--id <ID>>";

#[derive(Debug, Args)]
#[command(override_usage = USAGE, group(clap::ArgGroup::new("search").required(true)))]
pub(crate) struct HistoryArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Find the lookups that named this ticket of Omnidesk
    #[arg(long, group = "search", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    ticket: Option<String>,
    /// Find the lookup of this request: `request_id` in the log, `x-request-id` of the response
    #[arg(long, group = "search", value_name = "ID")]
    request: Option<Uuid>,
    /// Find the lookups that this customer matched, by customer id, record id or record key
    #[arg(long, group = "search", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    customer: Option<String>,
    /// Find the lookups of this e-mail address
    #[arg(long, group = "search", value_name = "ADDRESS")]
    email: Option<String>,
    /// Find the lookups of this phone number, in any usual spelling
    #[arg(long, group = "search", value_name = "NUMBER")]
    phone: Option<String>,
    /// Find the lookups of this id (`primaryID`)
    #[arg(long, group = "search", value_parser = NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// Show at most this many lookups, the newest first
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    output: JsonArguments,
}

impl HistoryArguments {
    fn search(&self, brand: &Brand) -> Result<LookupSearch, Failure> {
        let Self { ticket, request, customer, email, phone, id, .. } = self;
        Ok(match (ticket, request, customer) {
            (Some(ticket), ..) => LookupSearch::Ticket(ticket.clone()),
            (_, Some(request), _) => LookupSearch::Request(*request),
            (_, _, Some(customer)) => LookupSearch::Customer(customer.clone()),
            (None, None, None) => LookupSearch::Question(question(
                brand,
                email.as_deref(),
                phone.as_deref(),
                id.as_deref(),
            )?),
        })
    }
}

pub(super) async fn run(arguments: HistoryArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::read_only(settings).await?;
    let found = find(&session, &arguments).await;
    let days = session.file.lookup.trace_days;
    session.close().await;
    let (slug, lookups) = found?;
    if arguments.output.json {
        return print_json(
            &lookups.iter().map(|lookup| as_json(&slug, lookup)).collect::<Vec<_>>(),
        );
    }
    if lookups.is_empty() {
        print_wrapped(&none_found(days), 0);
    }
    lookups.iter().for_each(print_lookup);
    Ok(())
}

/// The brand, and its lookups that match.
async fn find(
    session: &Session,
    arguments: &HistoryArguments,
) -> anyhow::Result<(String, Vec<PastLookup>)> {
    let brand = session.choose(arguments.brand.as_deref())?;
    let (search, rules) = (arguments.search(brand)?, session.read_rules());
    let pool = &session.database.pool;
    let found = find_past_lookups(pool, brand, &search, rules, arguments.limit).await?;
    Ok((brand.rules.slug.clone(), found))
}

fn none_found(days: u32) -> String {
    match days {
        0 => "No lookup was found: `lookup.trace_days` is 0, so no lookup is kept.".to_owned(),
        days => format!(
            "No lookup was found. Lookups are kept for {} (`lookup.trace_days`), except those that `hookpoint_lookup_history_dropped_total` counts.",
            counted(days, "day", "days")
        ),
    }
}
