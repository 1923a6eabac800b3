//! The explanation of a customer, as its page shows it.

use serde::Serialize;

use crate::admin::compared_review::kind_in_words;
use crate::admin::explain::{Explanation, ONLY_A_FORM, RecordValue};
use crate::console::pages::reviews::conflict_in_words;
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownRecord;
use crate::console::visit::Visit;
use crate::customer::answer::Answer;
use crate::customer::identity::conflict::Conflict;
use crate::customer::identity::evidence::Level;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// Why these records are one customer, and others are not.
#[derive(Serialize)]
pub(super) struct Why {
    links: Vec<Link>,
    apart: Vec<Apart>,
    remarks: Vec<&'static str>,
}

#[derive(Serialize)]
struct Link {
    level: &'static str,
    evidence: String,
    records: Vec<ShownRecord>,
}

#[derive(Serialize)]
struct Apart {
    level: &'static str,
    evidence: String,
    reason: String,
    /// Whether a person decided that they differ: then nobody can join them before that is undone.
    is_decided: bool,
    others: Vec<Other>,
}

/// Another customer.
#[derive(Serialize)]
struct Other {
    record: ShownRecord,
    /// What a form sends to join it.
    key: String,
}

/// An address in the records.
#[derive(Serialize)]
pub(super) struct ShownAddress {
    /// Such as `phone number`.
    label: &'static str,
    /// What a form sends about it.
    kind: &'static str,
    text: String,
    /// What a form sends about it. Empty for viewers.
    value: String,
    effect: String,
    tone: &'static str,
    /// Whether a person can say whose it is, because only a form contains it.
    is_open: bool,
    is_shared: bool,
}

/// The values of the records.
#[derive(Serialize)]
pub(super) struct Facts {
    records: Vec<RecordValues>,
    /// Values that could not be parsed: of what, and the names and texts.
    unread: Vec<(String, Vec<(String, String)>)>,
    failed_templates: Vec<String>,
}

#[derive(Serialize)]
struct RecordValues {
    record: ShownRecord,
    /// What a form sends to separate it. Empty for viewers.
    key: String,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: String,
    text: String,
    at: ShownTime,
    is_used: bool,
}

impl Why {
    pub(super) fn new(visit: &Visit, why: &Explanation) -> Self {
        let link = |(level, evidence, records): &(&'static str, String, Vec<RecordKey>)| Link {
            level,
            // Of a decision, it is only one of the records.
            evidence: match *level {
                level if level == Level::Decision.as_str() => {
                    "a person decided it: see History below".to_owned()
                }
                _ => visit.value(evidence),
            },
            records: records.iter().map(|record| visit.shown_record(record, "")).collect(),
        };
        let mut links: Vec<Link> = why.links.iter().map(link).collect();
        // Several decisions about the same records read the same.
        links.dedup_by(|one, other| {
            one.level == Level::Decision.as_str()
                && (one.level, &one.records) == (other.level, &other.records)
        });
        Self {
            links,
            apart: why.review_candidates.iter().map(|refused| apart(visit, refused)).collect(),
            remarks: why.remarks.clone(),
        }
    }
}

fn apart(
    visit: &Visit,
    (level, evidence, reason, others): &(&'static str, String, &'static str, Vec<String>),
) -> Apart {
    let other = |key: &String| {
        let record: RecordKey = key.parse().ok()?;
        let key = if visit.sees_values() { key.clone() } else { String::new() };
        Some(Other { record: visit.shown_record(&record, ""), key })
    };
    Apart {
        level,
        evidence: visit.value(evidence),
        reason: conflict_in_words(reason),
        is_decided: *reason == Conflict::DecidedDifferent.as_str(),
        others: others.iter().filter_map(other).collect(),
    }
}

impl ShownAddress {
    /// The addresses of an answer, and those in the records that do not find the customer.
    pub(super) fn list(visit: &Visit, answer: &Answer, why: &Explanation) -> Vec<Self> {
        let own = answer.addresses.iter().filter_map(|address| {
            let kind = address.kind.parse().ok()?;
            Some(Identifier { kind, value: address.address.clone() })
        });
        let finds = |address: &Identifier| !why.finds_not.iter().any(|(other, _)| other == address);
        let own = own.filter(finds).map(|address| {
            let reason = why.finds_only.iter().find(|(other, _)| *other == address);
            match reason {
                Some((_, reason)) => {
                    let effect =
                        format!("may find several customers, and joins no records ({reason})");
                    Self::new(visit, &address, (effect, "warn"))
                }
                None => Self::new(visit, &address, ("finds this customer".to_owned(), "good")),
            }
        });
        let others = why.finds_not.iter();
        let others = others.map(|(address, reason)| Self {
            is_open: *reason == ONLY_A_FORM,
            ..Self::new(visit, address, ((*reason).to_owned(), "bad"))
        });
        own.chain(others).collect()
    }

    fn new(visit: &Visit, address: &Identifier, (effect, tone): (String, &'static str)) -> Self {
        Self {
            label: kind_in_words(address.kind.as_str()),
            kind: address.kind.as_str(),
            text: visit.value(&address.value),
            value: if visit.sees_values() { address.value.clone() } else { String::new() },
            effect,
            tone,
            is_open: false,
            is_shared: tone == "warn",
        }
    }
}

impl Facts {
    pub(super) fn new(visit: &Visit, why: &Explanation) -> Self {
        let name_of = |record: &RecordKey| {
            let named = why.records.iter().find(|(key, _)| key == record);
            named.map(|(_, name)| name.as_str()).unwrap_or_default()
        };
        let records = why.record_values.iter().map(|(record, values)| RecordValues {
            record: visit.shown_record(record, name_of(record)),
            key: if visit.sees_values() { record.to_string() } else { String::new() },
            values: values
                .iter()
                .map(|RecordValue { name, text, at, is_used }| Value {
                    name: name.clone(),
                    text: visit.value(text),
                    at: visit.time(*at),
                    is_used: *is_used,
                })
                .collect(),
        });
        let unread = why.unread.iter().map(|(of, values)| {
            let values = values.iter().map(|(name, text)| (name.clone(), visit.value(text)));
            (visit.record_key_text(of), values.collect())
        });
        Self {
            records: records.collect(),
            unread: unread.collect(),
            failed_templates: why.failed_templates.iter().cloned().collect(),
        }
    }
}
