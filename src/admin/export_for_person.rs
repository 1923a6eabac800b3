//! What a person gets of an export, as a page or as JSON: not which employee did what or why, no id of the service's own tables,
//! and nothing that only machines read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What is given of a customer, its answer, an item of its timeline, a record, an event, a field of them, and a webhook.
const CUSTOMER: [&str; 3] = ["customer_id", "addresses", "answer"];
const ANSWER: [&str; 4] = ["customerFirstname", "customerLastname", "customFields", "timeline"];
const ITEM: [&str; 3] = ["lastUpdate", "message", "source"];
const RECORD: [&str; 3] = ["key", "live", "state"];
const EVENT: [&str; 5] = ["key", "live", "occurred_at", "message", "state"];
const FIELD: [&str; 3] = ["value", "at", "timed"];
const WEBHOOK: [&str; 4] = ["received_at", "source", "event", "body"];

/// An event has the id of what somebody took part in, and may have its name.
const ID_AND_NAME: (&str, &str) = ("data.interaction", "data.name");

/// What a decision names of the person's own records.
const OWN: &str = "records";

/// The part of an export that the person gets. `shown` names the fields of each section besides customers, records and events.
#[must_use]
pub fn for_person(data: &Value, shown: &toml::Table) -> Value {
    let mut given = Map::new();
    let customers = list(data, "customers").map(|customer| {
        let mut customer = only(customer, &CUSTOMER);
        change(&mut customer, "answer", |answer| {
            let mut answer = only(answer, &ANSWER);
            change(&mut answer, "timeline", |timeline| {
                let items = timeline.as_array().into_iter().flatten();
                items.map(|item| only(item, &ITEM)).collect()
            });
            answer
        });
        customer
    });
    given.insert("customers".to_owned(), customers.collect());
    let own: BTreeSet<&str> =
        list(data, "records").filter_map(|record| record.get("key")?.as_str()).collect();
    let records = list(data, "records").map(|record| with_fields(record, &RECORD));
    given.insert("records".to_owned(), records.collect());
    let mut events: Vec<Value> =
        list(data, "events").map(|event| with_fields(event, &EVENT)).collect();
    name_things(&mut events);
    given.insert("events".to_owned(), events.into());
    for (section, fields) in shown {
        let fields: Vec<&str> = match section.as_str() {
            "deliveries" => WEBHOOK.to_vec(),
            _ => fields.as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect(),
        };
        let rows = list(data, section).map(|row| {
            let mut given = only(row, &fields);
            if let Some(given) = given.as_object_mut().filter(|_| fields.contains(&OWN)) {
                given.insert(OWN.to_owned(), own_records(row, &own));
            }
            given
        });
        given.insert(section.clone(), rows.collect());
    }
    Value::Object(given)
}

fn list<'a>(data: &'a Value, section: &str) -> impl Iterator<Item = &'a Value> {
    data.get(section).and_then(Value::as_array).into_iter().flatten()
}

/// Which records of a decision are the person's own. The others may be of somebody else.
fn own_records(decision: &Value, own: &BTreeSet<&str>) -> Value {
    let sides = ["left", "right"].into_iter().filter_map(|side| decision.get(side)?.as_str());
    sides.filter(|key| own.contains(key)).collect()
}

/// An object with only these fields.
fn only(value: &Value, fields: &[&str]) -> Value {
    let field = |name: &&str| Some(((*name).to_owned(), value.get(name)?.clone()));
    Value::Object(fields.iter().filter_map(field).collect())
}

fn change(object: &mut Value, field: &str, how: impl FnOnce(&Value) -> Value) {
    if let Some(value) = object.get_mut(field) {
        *value = how(value);
    }
}

/// A record or an event, with the values of its fields and their times.
fn with_fields(row: &Value, parts: &[&str]) -> Value {
    let mut row = only(row, parts);
    change(&mut row, "state", |state| {
        let mut state = only(state, &["fields"]);
        change(&mut state, "fields", |fields| {
            let fields = fields.as_object().into_iter().flatten();
            Value::Object(fields.map(|(name, field)| (name.clone(), timed(field))).collect())
        });
        state
    });
    row
}

fn timed(field: &Value) -> Value {
    let mut field = only(field, &FIELD);
    change(&mut field, "timed", |timed| only(timed, &FIELD));
    field
}

/// Puts names in the place of ids, if one of the events has the name.
fn name_things(events: &mut [Value]) {
    let (id, name) = ID_AND_NAME;
    let id_of = |fields: &Map<String, Value>| Some(fields.get(id)?.get("value")?.to_string());
    let mut names: BTreeMap<String, Value> = BTreeMap::new();
    for fields in events.iter().filter_map(fields_of) {
        let named = fields.get(name).filter(|name| name.get("value").is_some_and(Value::is_string));
        names.extend(id_of(fields).zip(named.cloned()));
    }
    for event in events {
        let fields = event.pointer_mut("/state/fields").and_then(Value::as_object_mut);
        let Some(fields) = fields else { continue };
        let Some(named) = id_of(fields).and_then(|id| names.get(&id)) else { continue };
        fields.insert(id.to_owned(), fields.get(name).unwrap_or(named).clone());
        fields.remove(name);
    }
}

fn fields_of(event: &Value) -> Option<&Map<String, Value>> {
    event.pointer("/state/fields")?.as_object()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_gets_no_names_of_employees_and_names_in_the_place_of_ids() {
        let field = |value: &str| json!({ "value": value, "at": "2026-11-21T12:00:00Z", "receipt_delay_us": 7 });
        let event = |fields: Value| json!({ "key": "k", "record": "other", "message": "m", "state": { "fields": fields, "first_at": "x" } });
        let data = json!({
            "customers": [{ "customer_id": "1", "matched_by": ["x"], "answer": { "customerFirstname": "A", "x": 1 } }],
            "records": [{ "key": "r", "live": true, "state": { "fields": { "a": field("b") } } }],
            "events": [
                event(json!({ "data.interaction": field("int_1"), "data.name": field("Spring game") })),
                event(json!({ "data.interaction": field("int_1") })),
                event(json!({ "data.interaction": field("int_2") })),
                event(json!({ "data.name": field("Review") })),
            ],
            "actions": [{ "at": "t", "action": "export customer", "by": "Femke", "reason": "secret" }],
            "decisions": [{ "left": "r", "right": "of somebody else", "same_person": false, "reason": "secret" }],
            "deliveries": [{ "id": "d", "event": "e", "headers": "h", "body": { "any": "thing" } }],
            "unknown": [1],
        });
        let shown = toml::from_str(
            "actions = ['at', 'action']\ndecisions = ['records', 'same_person']\ndeliveries = []",
        )
        .unwrap();
        let given = for_person(&data, &shown);
        let plain = |value: &str| json!({ "value": value, "at": "2026-11-21T12:00:00Z" });
        let expected =
            |fields: Value| json!({ "key": "k", "message": "m", "state": { "fields": fields } });
        assert_eq!(
            given,
            json!({
                "customers": [{ "customer_id": "1", "answer": { "customerFirstname": "A" } }],
                "records": [{ "key": "r", "live": true, "state": { "fields": { "a": plain("b") } } }],
                "events": [
                    expected(json!({ "data.interaction": plain("Spring game") })),
                    expected(json!({ "data.interaction": plain("Spring game") })),
                    expected(json!({ "data.interaction": plain("int_2") })),
                    expected(json!({ "data.name": plain("Review") })),
                ],
                "actions": [{ "at": "t", "action": "export customer" }],
                "decisions": [{ "records": ["r"], "same_person": false }],
                "deliveries": [{ "event": "e", "body": { "any": "thing" } }],
            })
        );
    }
}
