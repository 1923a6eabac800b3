//! Shows decisions, and the customers that they concern.

use serde_json::{Value, json};

use crate::admin::decisions::{CustomerView, FINDS_ANOTHER, ViewedAddress};
use crate::cli::output::{plain, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict};

/// Prints customers with the keys of their records, with a blank line between them.
pub(in crate::cli) fn print_views(views: &[CustomerView]) {
    for (n, view) in views.iter().enumerate() {
        if n > 0 {
            print_line("");
        }
        print_view(view);
    }
}

/// Prints a customer with the keys of its records.
pub(in crate::cli) fn print_view(view: &CustomerView) {
    let name = format!("{} {}", view.first_name, view.last_name);
    let name = if name.trim().is_empty() { "(no name)" } else { name.trim() };
    print_wrapped(&plain(&format!("{name}  ({})", view.customer_id)), 2);
    for ViewedAddress { kind, text, finds } in &view.addresses {
        let note = if *finds { String::new() } else { format!("  ({FINDS_ANOTHER})") };
        print_wrapped(&plain(&format!("  {kind:<12}{text}{note}")), 14);
    }
    print_wrapped(&format!("  {:<12}{}", "events", view.events), 14);
    for (n, (record, name)) in view.records.iter().enumerate() {
        let label = if n == 0 { "records" } else { "" };
        print_wrapped(plain(&format!("  {label:<12}{record}  {name}")).trim_end(), 14);
    }
}

/// A customer, for scripts.
pub(in crate::cli) fn view_as_json(view: &CustomerView) -> Value {
    let address = |ViewedAddress { kind, text, finds }: &ViewedAddress| json!({ "type": kind, "address": text, "finds_customer": finds });
    let record = |(record, name): &(RecordKey, String)| json!({ "record": record.to_string(), "name": name });
    json!({
        "key": view.key,
        "customer_id": view.customer_id,
        "first_name": view.first_name,
        "last_name": view.last_name,
        "addresses": view.addresses.iter().map(address).collect::<Vec<_>>(),
        "records": view.records.iter().map(record).collect::<Vec<_>>(),
        "events": view.events,
    })
}

/// Prints a decision: what it says, and below it who and why.
pub(in crate::cli) fn print_decision(row: &DecisionRow, indent: usize) {
    let margin = " ".repeat(indent);
    let print =
        |text: &str| print_wrapped(&plain(&format!("{margin}{text}")), indent.saturating_add(6));
    let state = if row.undone_at.is_some() { "  (undone)" } else { "" };
    let at = row.decided_at.strftime("%F %T UTC");
    print(&format!("{}  {at}  {}{state}", row.decision_id, row.verdict.as_str()));
    row.verdict.address().iter().for_each(|address| {
        print(&format!("    {} {}", address.kind.as_str(), address.value));
    });
    if let Verdict::ConfirmedAddress(_, records) = &row.verdict {
        records.iter().for_each(|record| print(&format!("    {record}")));
    }
    for (left, right) in row.verdict.pairs() {
        let relation = if matches!(row.verdict, Verdict::SamePerson(_)) { "and" } else { "not" };
        print(&format!("    {left} {relation} {right}"));
    }
    let why = |reason: &str| {
        if reason.is_empty() { "no reason is stored".to_owned() } else { reason.to_owned() }
    };
    print(&format!("    by {}: {}", row.decided_by, why(&row.reason)));
    if let Some(by) = &row.undone_by {
        let reason = row.undone_reason.as_deref().map(|reason| format!(": {}", why(reason)));
        print(&format!("    undone by {by}{}", reason.unwrap_or_default()));
    }
}

/// A decision, for scripts.
pub(in crate::cli) fn decision_as_json(row: &DecisionRow) -> Value {
    let pair =
        |(left, right): &(RecordKey, RecordKey)| json!([left.to_string(), right.to_string()]);
    let address = row.verdict.address();
    let address =
        address.map(|address| json!({ "type": address.kind.as_str(), "address": address.value }));
    json!({
        "decision_id": row.decision_id,
        "decision": row.verdict.as_str(),
        "records": row.verdict.records().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pairs": row.verdict.pairs().iter().map(pair).collect::<Vec<_>>(),
        "address": address,
        "decided_at": row.decided_at,
        "by": row.decided_by,
        "reason": row.reason,
        "undone_at": row.undone_at,
        "undone_by": row.undone_by,
        "undone_reason": row.undone_reason,
    })
}
