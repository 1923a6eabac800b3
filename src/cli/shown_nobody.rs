//! Prints why a lookup finds nobody.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::output::{plain, print_line, print_plain, span};
use super::wrapped::print_wrapped;
use crate::admin::explain_nobody::NobodyExplanation;
use crate::customer::model::source::Source;
use crate::storage::live_queries::LastQuery;

/// Prints why a lookup finds nobody.
pub(super) fn print_nobody(why: &NobodyExplanation) {
    let (kind, value) = &why.question;
    print_line("");
    print_wrapped(&plain(&format!("  Looked up in the stored data: {kind} {value}")), 4);
    if why.is_erased {
        print_wrapped(
            "  A person with it was erased, so the service drops data of that person. `hookpoint customer revoke-erasure` ends this.",
            2,
        );
    }
    if !why.holders.is_empty() {
        print_wrapped(
            "  Only these records contain it. They do not let it find their customer: they are forms, or the number has a new owner.",
            2,
        );
        why.holders.iter().for_each(|record| print_plain(&format!("    {record}")));
    }
    if why.sources.is_empty() {
        print_wrapped(
            "  No source can be asked about it: no API is connected that can search for it.",
            2,
        );
    } else {
        print_line("  A lookup over HTTP also asks these sources:");
    }
    why.sources.iter().for_each(|source| print_line(&source_line(source)));
}

/// Why a lookup finds nobody, for scripts: in the place of an explanation of a customer.
pub(super) fn nobody_as_json(why: &NobodyExplanation) -> Value {
    let (kind, value) = &why.question;
    let holders: Vec<String> = why.holders.iter().map(ToString::to_string).collect();
    let source = |(source, last): &(Source, Option<LastQuery>)| {
        json!({
            "source": source.as_str(),
            "asked_seconds_ago": last.map(|query| query.age_seconds.round()),
            "knew_the_person": last.map(|query| query.is_known),
        })
    };
    json!({
        "answer": null,
        "customer_id": null,
        "nobody": {
            "type": kind,
            "value": value,
            "is_erased": why.is_erased,
            "only_in": holders,
            "sources": why.sources.iter().map(source).collect::<Vec<_>>(),
        },
    })
}

fn source_line((source, last): &(Source, Option<LastQuery>)) -> String {
    let answer = match last {
        None => "not asked in the last days".to_owned(),
        Some(query) => {
            let age = SignedDuration::try_from_secs_f64(query.age_seconds).unwrap_or_default();
            let knows = if query.is_known { "it knew the person" } else { "it did not know it" };
            format!("asked {} ago: {knows}", span(age))
        }
    };
    format!("    {:<9} {answer}", source.as_str())
}
