//! Prints why a lookup finds nobody.

use jiff::SignedDuration;

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
