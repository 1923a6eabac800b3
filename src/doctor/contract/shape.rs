//! Checks of the shape of a customer, by the document: the name and the type of each field.

use std::borrow::Cow;

use jiff::civil::DateTime;
use serde_json::{Map, Value};
use url::Url;

use super::check::{Check, How};
use crate::counted::counted;
use crate::doctor::finding::Observation;

/// The fields of a customer, and of an event in the timeline.
const CUSTOMER: [&str; 6] = [
    "addresses",
    "customerFirstname",
    "customerID",
    "customerLastname",
    "customFields",
    "timeline",
];
const EVENT: [&str; 6] = ["externalID", "lastUpdate", "type", "message", "source", "url"];

/// The types of addresses.
const ADDRESS_TYPES: [&str; 4] = ["email", "telephone", "facebook", "twitter"];

const DOCUMENT: &str = "Follow the example of Omnidesk's document \"API sync on contact\".";

/// The checks of the shape of a customer.
pub(super) static SHAPE: &[Check] = &[
    shape("customer-object", "Is each customer an object?", object, DOCUMENT),
    shape("customer-fields", "Does each customer have all six fields?", fields, DOCUMENT),
    shape(
        "customer-other-fields",
        "Are there only documented fields?",
        other_fields,
        "Put other data into customFields. Omnidesk may ignore the field, or reject the answer.",
    ),
    shape(
        "customer-id",
        "Is customerID a string that is not empty?",
        customer_id,
        "Send the id as a string, also if it is a number.",
    ),
    shape(
        "names",
        "Are both names strings?",
        names,
        "Send strings. Send an empty string if a name is unknown, not null.",
    ),
    shape(
        "addresses",
        "Is addresses an array of objects with address and type, both strings?",
        addresses,
        DOCUMENT,
    ),
    shape(
        "address-types",
        "Is the type of each address documented?",
        address_types,
        "Use email, telephone, facebook or twitter. (phoneNumber is a word of requests only.)",
    ),
    shape(
        "telephones",
        "Is each telephone in E.164 format?",
        telephones,
        "Send a plus, the country code and the number, without spaces.",
    ),
    shape(
        "emails",
        "Does each email contain an @?",
        emails,
        "Send the address alone, without a name.",
    ),
    shape(
        "custom-fields",
        "Is customFields an array of objects with one string each?",
        custom_fields,
        "Send [{\"name\":\"value\"}, ...]: one object for each field, and strings as values.",
    ),
    shape("timeline", "Is timeline an array of objects with all six fields?", timeline, DOCUMENT),
    shape(
        "timeline-strings",
        "Are all values in the timeline strings?",
        timeline_strings,
        "Send strings, also for ids. Send an empty string if a value is unknown.",
    ),
    shape(
        "last-update",
        "Is each lastUpdate a time like 2021-12-21 15:00:11?",
        last_update,
        "Write YYYY-MM-DD HH:MM:SS, without T, zone and fractions.",
    ),
    shape(
        "timeline-order",
        "Is the timeline sorted, with the newest event first?",
        timeline_order,
        "Sort the timeline by lastUpdate, newest first: agents read from the top.",
    ),
    shape(
        "timeline-links",
        "Is each url in the timeline empty, or a whole http or https URL?",
        timeline_links,
        "Send a whole URL with https, or an empty string.",
    ),
];

const fn shape(
    id: &'static str,
    question: &'static str,
    judge: fn(&[Value]) -> Observation,
    remedy: &'static str,
) -> Check {
    Check { id, question, how: How::Shape(judge), remedy }
}

/// The type of a JSON value, in words.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What is wrong, and where: a path without values.
struct Fault {
    what: Cow<'static, str>,
    path: String,
}

impl Fault {
    fn new(what: impl Into<Cow<'static, str>>, path: String) -> Self {
        Self { what: what.into(), path }
    }
}

/// The first fault counts.
fn judge(faults: &[Fault], wrong: fn(String) -> Observation) -> Observation {
    match faults {
        [] => Observation::pass("as documented"),
        [only] => wrong(format!("{} at {}", only.what, only.path)),
        [first, ..] => wrong(format!(
            "{} at {}; {} in all",
            first.what,
            first.path,
            counted(faults.len(), "fault", "faults")
        )),
    }
}

fn fail(faults: &[Fault]) -> Observation {
    judge(faults, Observation::fail)
}

fn warn(faults: &[Fault]) -> Observation {
    judge(faults, Observation::warn)
}

type Object = Map<String, Value>;

/// The customers that are objects, with their paths.
fn objects(customers: &[Value]) -> impl Iterator<Item = (String, &Object)> {
    let numbered = customers.iter().enumerate();
    numbered.filter_map(|(n, customer)| Some((format!("[{n}]"), customer.as_object()?)))
}

/// The elements of an array in each customer, with their paths.
fn elements<'a>(
    customers: &'a [Value],
    field: &'static str,
) -> impl Iterator<Item = (String, &'a Value)> {
    objects(customers).flat_map(move |(path, customer)| {
        let array = customer.get(field).and_then(Value::as_array).into_iter().flatten();
        array.enumerate().map(move |(n, element)| (format!("{path}.{field}[{n}]"), element))
    })
}

/// The fields of objects that are not strings, or are missing.
fn not_strings(objects: &[(String, &Object)], fields: &[&'static str]) -> Vec<Fault> {
    let each = objects.iter().flat_map(|(path, object)| {
        fields.iter().filter_map(move |field| match object.get(*field) {
            None => Some(Fault::new("nothing", format!("{path}.{field}"))),
            Some(Value::String(_)) => None,
            Some(other) => Some(Fault::new(type_of(other), format!("{path}.{field}"))),
        })
    });
    each.collect()
}

fn not_objects<'a>(values: impl Iterator<Item = (String, &'a Value)>) -> Vec<Fault> {
    values
        .filter(|(_, value)| !value.is_object())
        .map(|(path, value)| Fault::new(type_of(value), path))
        .collect()
}

fn object(customers: &[Value]) -> Observation {
    let all = customers.iter().enumerate().map(|(n, customer)| (format!("[{n}]"), customer));
    fail(&not_objects(all))
}

fn fields(customers: &[Value]) -> Observation {
    let missing = objects(customers).flat_map(|(path, customer)| {
        let missing = CUSTOMER.into_iter().filter(|field| !customer.contains_key(*field));
        missing.map(|field| Fault::new("nothing", format!("{path}.{field}"))).collect::<Vec<_>>()
    });
    fail(&missing.collect::<Vec<_>>())
}

fn other_fields(customers: &[Value]) -> Observation {
    let others = |path: String, object: &Object, known: &[&str]| {
        let count = object.keys().filter(|name| !known.contains(&name.as_str())).count();
        (count > 0).then(|| Fault::new(format!("other fields ({count})"), path))
    };
    let of_customers = objects(customers).filter_map(|(path, it)| others(path, it, &CUSTOMER));
    let of_addresses = elements(customers, "addresses")
        .filter_map(|(path, it)| others(path, it.as_object()?, &["address", "type"]));
    let of_events = elements(customers, "timeline")
        .filter_map(|(path, it)| others(path, it.as_object()?, &EVENT));
    warn(&of_customers.chain(of_addresses).chain(of_events).collect::<Vec<_>>())
}

/// The fields of customers that are there and have the wrong type. A missing field is another check's matter.
fn not_strings_there(customers: &[Value], fields: &[&'static str]) -> Vec<Fault> {
    let mut faults = not_strings(&objects(customers).collect::<Vec<_>>(), fields);
    faults.retain(|fault| fault.what != "nothing");
    faults
}

fn customer_id(customers: &[Value]) -> Observation {
    let mut faults = not_strings_there(customers, &["customerID"]);
    let empty = objects(customers).filter(|(_, it)| it.get("customerID") == Some(&"".into()));
    faults
        .extend(empty.map(|(path, _)| Fault::new("an empty string", format!("{path}.customerID"))));
    fail(&faults)
}

fn names(customers: &[Value]) -> Observation {
    fail(&not_strings_there(customers, &["customerFirstname", "customerLastname"]))
}

/// The field of each customer that is there and is not an array.
fn not_arrays(customers: &[Value], field: &'static str) -> Vec<Fault> {
    let found = objects(customers).filter_map(|(path, it)| Some((path, it.get(field)?)));
    found
        .filter(|(_, value)| !value.is_array())
        .map(|(path, value)| Fault::new(type_of(value), format!("{path}.{field}")))
        .collect()
}

fn addresses(customers: &[Value]) -> Observation {
    let mut faults = not_arrays(customers, "addresses");
    faults.extend(not_objects(elements(customers, "addresses")));
    let objects = objects_in(customers, "addresses");
    faults.extend(not_strings(&objects, &["address", "type"]));
    fail(&faults)
}

/// The objects in an array of each customer, with their paths.
fn objects_in<'a>(customers: &'a [Value], field: &'static str) -> Vec<(String, &'a Object)> {
    let all = elements(customers, field);
    all.filter_map(|(path, element)| Some((path, element.as_object()?))).collect()
}

fn address_types(customers: &[Value]) -> Observation {
    let unknown = objects_in(customers, "addresses").into_iter().filter(|(_, address)| {
        let name = address.get("type").and_then(Value::as_str);
        name.is_some_and(|name| !ADDRESS_TYPES.contains(&name))
    });
    let faults: Vec<Fault> =
        unknown.map(|(path, _)| Fault::new("another value", format!("{path}.type"))).collect();
    fail(&faults)
}

/// The addresses of a type that a test rejects.
fn addresses_without(customers: &[Value], name: &str, is_valid: fn(&str) -> bool) -> Observation {
    let wrong = objects_in(customers, "addresses").into_iter().filter(|(_, address)| {
        let value = address.get("address").and_then(Value::as_str);
        address.get("type") == Some(&name.into()) && value.is_some_and(|value| !is_valid(value))
    });
    let faults: Vec<Fault> =
        wrong.map(|(path, _)| Fault::new("another format", format!("{path}.address"))).collect();
    fail(&faults)
}

fn telephones(customers: &[Value]) -> Observation {
    addresses_without(customers, "telephone", |value| {
        let digits = value.strip_prefix('+').unwrap_or_default();
        (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn emails(customers: &[Value]) -> Observation {
    addresses_without(customers, "email", |value| {
        value.contains('@') && !value.contains(['<', '>']) && value.trim() == value
    })
}

fn custom_fields(customers: &[Value]) -> Observation {
    let mut faults = not_arrays(customers, "customFields");
    faults.extend(elements(customers, "customFields").filter_map(|(path, element)| {
        let Some(object) = element.as_object() else {
            return Some(Fault::new(type_of(element), path));
        };
        let mut values = object.values();
        match (values.next(), values.next()) {
            (Some(Value::String(_)), None) => None,
            (Some(other), None) => Some(Fault::new(type_of(other), path)),
            (None, _) => Some(Fault::new("an object without a field", path)),
            (Some(_), Some(_)) => Some(Fault::new("an object with several fields", path)),
        }
    }));
    fail(&faults)
}

fn timeline(customers: &[Value]) -> Observation {
    let mut faults = not_arrays(customers, "timeline");
    faults.extend(not_objects(elements(customers, "timeline")));
    let missing = not_strings(&objects_in(customers, "timeline"), &EVENT);
    faults.extend(missing.into_iter().filter(|fault| fault.what == "nothing"));
    fail(&faults)
}

fn timeline_strings(customers: &[Value]) -> Observation {
    let mut faults = not_strings(&objects_in(customers, "timeline"), &EVENT);
    faults.retain(|fault| fault.what != "nothing");
    fail(&faults)
}

/// The times in a customer's timeline: the text, and the time if it is one.
fn times(event: &Object) -> Option<(&str, Option<DateTime>)> {
    let text = event.get("lastUpdate")?.as_str()?;
    let time = (text.len() == 19).then(|| DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok());
    Some((text, time.flatten()))
}

fn last_update(customers: &[Value]) -> Observation {
    let events = objects_in(customers, "timeline").into_iter();
    let wrong = events.filter(|(_, event)| times(event).is_some_and(|(_, time)| time.is_none()));
    let faults: Vec<Fault> =
        wrong.map(|(path, _)| Fault::new("another format", format!("{path}.lastUpdate"))).collect();
    fail(&faults)
}

fn timeline_order(customers: &[Value]) -> Observation {
    let faults: Vec<Fault> = (0_usize..)
        .zip(customers)
        .filter(|(_, customer)| {
            let events = objects_in(std::slice::from_ref(customer), "timeline");
            let read: Vec<DateTime> =
                events.iter().filter_map(|(_, event)| times(event)?.1).collect();
            !read.is_sorted_by(|newer, older| newer >= older)
        })
        .map(|(n, _)| Fault::new("another order", format!("[{n}].timeline")))
        .collect();
    warn(&faults)
}

fn timeline_links(customers: &[Value]) -> Observation {
    let wrong = objects_in(customers, "timeline").into_iter().filter(|(_, event)| {
        let url = event.get("url").and_then(Value::as_str).unwrap_or_default();
        !url.is_empty()
            && !Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
    });
    let faults: Vec<Fault> =
        wrong.map(|(path, _)| Fault::new("another format", format!("{path}.url"))).collect();
    fail(&faults)
}
