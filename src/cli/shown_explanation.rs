//! Shows the explanation of a customer, as text or as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::decision::shown::{decision_as_json, print_decision};
use super::output::{plain, print_line};
use super::wrapped::print_wrapped;
use crate::admin::explain::{Explanation, RecordValue};
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// Prints the explanation of a customer. A part without content is left out.
pub(super) fn print_explanation(why: &Explanation) {
    print_line("\n  Records of this customer:");
    why.records.iter().for_each(|(key, name)| print_indented(&format!("    {key}  {name}")));
    why.remarks.iter().for_each(|note| print_indented(&format!("    {note}")));
    print_links(why);
    print_decisions(why);
    print_refused_links(why);
    print_addresses("Addresses that find this customer, but link no records:", &why.finds_only);
    print_addresses("Addresses that do not find this customer:", &why.finds_not);
    print_left_out(why);
    print_record_values(why);
    print_custom_fields(why);
    print_events(why);
    print_line("");
}

/// Prints text of the sources. If it needs several lines, the others begin two spaces further in.
fn print_indented(text: &str) {
    let indent = text.len().saturating_sub(text.trim_start().len());
    print_wrapped(&plain(text), indent.saturating_add(2));
}

/// Prints the heading of a part, if the part has content.
fn print_heading(heading: &str, is_empty: bool) {
    if !is_empty {
        print_wrapped(&format!("\n  {heading}"), 4);
    }
}

fn print_links(why: &Explanation) {
    print_heading("Linked by:", why.links.is_empty());
    for (level, evidence, records) in &why.links {
        print_indented(&format!("    {level:<13} {evidence}"));
        records.iter().for_each(|key| print_indented(&format!("      {key}")));
    }
}

fn print_decisions(why: &Explanation) {
    print_heading("Decisions of people:", why.decisions.is_empty());
    why.decisions.iter().for_each(|row| print_decision(row, 4));
}

fn print_refused_links(why: &Explanation) {
    print_heading(
        "Other customers that have the same value, but are not linked:",
        why.review_candidates.is_empty(),
    );
    for (level, evidence, conflict, others) in &why.review_candidates {
        print_indented(&format!("    {level:<13} {evidence}  (reason: {conflict})"));
        others.iter().for_each(|other| print_indented(&format!("      {other}")));
    }
}

fn print_addresses(heading: &str, addresses: &[(Identifier, &'static str)]) {
    print_heading(heading, addresses.is_empty());
    for (address, why) in addresses {
        print_indented(&format!("    {:<13} {}  ({why})", address.kind.as_str(), address.value));
    }
}

fn print_left_out(why: &Explanation) {
    print_heading(
        "Values that are left out, because they could not be parsed:",
        why.unread.is_empty(),
    );
    for (key, unread) in &why.unread {
        print_indented(&format!("    {key}"));
        for (name, value) in unread {
            print_indented(&format!("      {name}: '{value}' could not be parsed"));
        }
    }
    let heading = "Templates of the settings that fail; their field or message is left out:";
    print_heading(heading, why.failed_templates.is_empty());
    why.failed_templates.iter().for_each(|template| print_indented(&format!("    {template}")));
}

fn print_record_values(why: &Explanation) {
    print_line("\n  Values of each record, with their time (UTC):");
    for (record, record_values) in &why.record_values {
        print_indented(&format!("    {record}"));
        for RecordValue { name, text, at, is_used } in record_values {
            let note = if *is_used { "" } else { ", not used" };
            print_indented(&format!("      {name} = {text}  ({}{note})", at.strftime("%F %T")));
        }
    }
}

fn print_custom_fields(why: &Explanation) {
    let heading = "Custom fields, with the values that their templates use:";
    print_heading(heading, why.custom_fields.is_empty());
    for (field, values) in &why.custom_fields {
        print_indented(&format!("    {field}"));
        for (name, record, at) in values {
            print_indented(&format!("      {name} of {record}  ({})", at.strftime("%F %T")));
        }
    }
}

fn print_events(why: &Explanation) {
    print_heading("Events of each record, with their time (UTC):", why.events.is_empty());
    let mut by_record: BTreeMap<&RecordKey, Vec<(&EventKey, String)>> = BTreeMap::new();
    for (event, record, at) in &why.events {
        let time = at.strftime("%F %T").to_string();
        by_record.entry(record).or_default().push((event, time));
    }
    for (record, events) in by_record {
        print_indented(&format!("    {record}"));
        events.iter().for_each(|(event, time)| print_indented(&format!("      {event}  ({time})")));
    }
}

/// The explanation of a customer, for scripts. `answer` is the customer as Omnidesk gets it. `None` if Omnidesk gets an
/// empty answer, because too many match.
pub(super) fn explanation_as_json(why: &Explanation, answer: Option<&Value>) -> Value {
    json!({
        "answer": answer,
        "customer_id": why.customer_id,
        "records": list(&why.records, |(key, name)| json!({ "record": text(key), "name": name })),
        "links": list(&why.links, |(level, value, records)| {
            json!({ "level": level, "value": value, "records": list(records, text) })
        }),
        "decisions": list(&why.decisions, decision_as_json),
        "not_linked": list(&why.review_candidates, |(level, value, reason, customers)| {
            json!({ "level": level, "value": value, "reason": reason, "customers": customers })
        }),
        "finds_only": list(&why.finds_only, address_as_json),
        "finds_not": list(&why.finds_not, address_as_json),
        "unread": list(&why.unread, |(key, unread)| {
            json!({ "key": key, "values": list(unread, |(name, value)| json!({ "name": name, "value": value })) })
        }),
        "failed_templates": why.failed_templates,
        "values": list(&why.record_values, |(record, values)| {
            let values = list(values, |RecordValue { name, text, at, is_used }| {
                json!({ "name": name, "value": text, "at": at, "used": is_used })
            });
            json!({ "record": text(record), "values": values })
        }),
        "custom_fields": list(&why.custom_fields, |(name, values)| {
            let values = list(values, |(name, record, at)| {
                json!({ "name": name, "record": text(record), "at": at })
            });
            json!({ "name": name, "values": values })
        }),
        "events": list(&why.events, |(event, record, at)| {
            json!({ "event": event.to_string(), "record": text(record), "at": at })
        }),
        "remarks": why.remarks,
    })
}

fn address_as_json((address, reason): &(Identifier, &'static str)) -> Value {
    json!({ "type": address.kind.as_str(), "address": address.value, "reason": reason })
}

fn text(key: &RecordKey) -> Value {
    key.to_string().into()
}

fn list<I: IntoIterator>(items: I, shown: impl Fn(I::Item) -> Value) -> Value {
    items.into_iter().map(shown).collect()
}
