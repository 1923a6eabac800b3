//! Shows a lookup that was answered.

use serde_json::{Value, json};

use crate::admin::past_lookups::{PastCustomer, PastLookup, Since};
use crate::cli::output::{plain, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::storage::lookup_history::LookupRow;

/// Prints a lookup: when and with what it was answered, and below it the request, the customers and the sources.
pub(super) fn print_lookup(lookup: &PastLookup) {
    let PastLookup { row, customers } = lookup;
    let at = row.asked_at.strftime("%F %T UTC");
    let by = row.question_kind.as_deref().map(|kind| format!("by {kind}, ")).unwrap_or_default();
    let milliseconds = f64::from(row.duration_us) / 1_000.0;
    let how = format!("{by}cache: {}, {milliseconds:.1} ms", row.cache);
    print_wrapped(&format!("{at}  {}  ({how})", result(row)), 4);
    print_line(&format!("  request   {}", row.request_id));
    if let Some(ticket) = &row.ticket {
        print_line(&format!("  ticket    {ticket}"));
    }
    for customer in customers {
        print_wrapped(&plain(&format!("  customer  {}{}", customer.key, change(customer))), 12);
    }
    let sources: Vec<String> =
        row.source_outcomes().map(|(source, outcome)| format!("{source}: {outcome}")).collect();
    if !sources.is_empty() {
        print_wrapped(&format!("  sources   {}", sources.join(", ")), 12);
    }
}

/// What Omnidesk got.
fn result(row: &LookupRow) -> String {
    match (&row.problem, row.customer_keys.len()) {
        (Some(problem), _) => format!("status {}, {problem}", row.status),
        (None, _) if row.too_many => "nobody, because too many customers match".to_owned(),
        (None, 0) => "nobody".to_owned(),
        (None, customers) => counted(customers, "customer", "customers"),
    }
}

/// Whether the customer is still the same since the lookup, and its part of the answer.
fn change(customer: &PastCustomer) -> String {
    let moved = match &customer.now {
        Some(now) if *now == customer.key => None,
        Some(now) => Some(format!("now {now}")),
        None => Some("no longer stored".to_owned()),
    };
    let answer = match customer.since {
        Since::Same => Some("the answer is still the same".to_owned()),
        Since::Changed(at) => {
            Some(format!("the answer changed since, last at {}", at.strftime("%F %T UTC")))
        }
        Since::Unknown => None,
    };
    let changes: Vec<String> = moved.into_iter().chain(answer).collect();
    if changes.is_empty() { String::new() } else { format!(" ({})", changes.join("; ")) }
}

/// A lookup, for scripts.
pub(super) fn as_json(brand: &str, lookup: &PastLookup) -> Value {
    let PastLookup { row, customers } = lookup;
    let customer = |customer: &PastCustomer| {
        let (is_same, changed_at) = customer.since.parts();
        json!({
            "key": customer.key,
            "now": customer.now,
            "is_same": is_same,
            "changed_at": changed_at,
        })
    };
    let source = |(source, outcome): (&str, &str)| json!({ "source": source, "outcome": outcome });
    json!({
        "brand": brand,
        "asked_at": row.asked_at,
        "request_id": row.request_id,
        "ticket": row.ticket,
        "by": row.question_kind,
        "status": row.status,
        "problem": row.problem,
        "cache": row.cache,
        "customers": customers.iter().map(customer).collect::<Vec<_>>(),
        "too_many": row.too_many,
        "sources": row.source_outcomes().map(source).collect::<Vec<_>>(),
        "duration_us": row.duration_us,
    })
}
