//! A lookup's query string.

use std::borrow::Cow;

use hookpoint::http::problem::Problem;
use hookpoint::lookup::query::{MAX_QUERY, Query, Question};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub fn check(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let found = outcome(query);
    assert_eq!(Query::split(query, "key").is_err(), query.len() > MAX_QUERY);
    if let Err(problem) = &found.1 {
        assert!(Problem::ALL.contains(problem), "a client sees only what the catalogue says");
    }
    let key = oracle(query, "key");
    assert_eq!(
        found.0.clone().ok(),
        key.filter(|key| !key.is_empty() && query.len() <= MAX_QUERY),
        "the key is what a form would hold"
    );
    nobody_else_matters(query, &found);
    if let Ok(question) = &found.1 {
        means_itself(query, question);
    }
}

type Outcome = (Result<Vec<u8>, Problem>, Result<Question, Problem>);

fn outcome(query: &str) -> Outcome {
    match Query::split(query, "key") {
        Ok(split) => (
            split.key().map(std::borrow::Cow::into_owned),
            split.asked().and_then(|asked| asked.validate()),
        ),
        Err(problem) => (Err(problem), Err(problem)),
    }
}

/// Undocumented parameters change nothing, at any position, and neither does the order of the others.
fn nobody_else_matters(query: &str, found: &Outcome) {
    let pairs: Vec<&str> = query.split('&').collect();
    for place in [0, pairs.len() / 2, pairs.len()] {
        let mut more = pairs.clone();
        for unknown in ["ticketID=%zz+%", "=", "Address=a&key%=b&%FF=c"] {
            more.insert(place, unknown);
        }
        let more = more.join("&");
        if more.len() <= MAX_QUERY {
            assert!(outcome(&more) == *found, "an unknown parameter matters: {more}");
        }
        let mut turned = pairs.clone();
        turned.rotate_left(place);
        assert!(outcome(&turned.join("&")) == *found, "the order of parameters matters");
    }
}

/// A parsed query, written in its canonical form, is the same query; and the cache key is the same before and after
/// validation.
fn means_itself(query: &str, question: &Question) {
    let (kind, text) = question.parts();
    let sent = oracle(query, if kind == "id" { "primaryID" } else { "address" })
        .and_then(|sent| String::from_utf8(sent).ok());
    let sent = sent.expect("an accepted parameter is well-formed and unique");
    match kind {
        "telephone" => {
            assert_eq!(sent.replacen(' ', "+", 1), text, "a phone number is its own key");
        }
        "email" => assert!(sent.contains('@') && sent.trim() == sent),
        _ => assert_eq!(sent, text, "an id is not changed"),
    }
    let value = utf8_percent_encode(text, NON_ALPHANUMERIC);
    let again = match kind {
        "telephone" => format!("channelAddressType=phoneNumber&address={value}"),
        "email" => format!("address={value}&channelAddressType=%65mail"),
        _ => format!("primaryID={value}"),
    };
    if again.len() <= MAX_QUERY {
        let split = Query::split(&again, "key").expect("it is short");
        let asked = split.asked().expect("it has one form");
        assert!(asked.parts() == question.parts(), "the cache key differs");
        assert!(asked.validate().as_ref() == Ok(question), "the canonical form is another query");
    }
    assert_eq!(format!("{question:?}"), "Question([redacted])");
}

/// The bytes of the only parameter with this name, decoded like a browser's form. `None` if there is not exactly one.
fn oracle(query: &str, name: &str) -> Option<Vec<u8>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut found = pairs
        .filter(|(found, _)| whole(found) && decoded(found) == name.as_bytes())
        .map(|(_, value)| decoded(value));
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

/// Whether every percent sign starts an escape.
fn whole(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    (0..bytes.len()).all(|at| bytes[at] != b'%' || (digit(at + 1) && digit(at + 2)))
}

fn decoded(raw: &str) -> Vec<u8> {
    let (bytes, mut at, mut out) = (raw.as_bytes(), 0, Vec::new());
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|two| bytes[at] == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let escaped =
            escaped.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        out.push(escaped.unwrap_or(if bytes[at] == b'+' { b' ' } else { bytes[at] }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

pub fn seeds() -> Vec<Vec<u8>> {
    let addresses = [
        "thomas%40example.org",
        "%2B31612312311",
        "+31612312311",
        "j%C3%B6rg%40b%C3%BCcher.example",
        "%5BEmail%5D",
    ]
    .map(Cow::Borrowed);
    let one = |channel: &str, address: &str| {
        format!("key=demo&channelAddressType={channel}&address={address}&ticketID=1").into_bytes()
    };
    let by_address =
        addresses.iter().flat_map(|address| [one("email", address), one("phoneNumber", address)]);
    let others = [
        "key=demo&primaryID=NL-2026-00042",
        "key=a&key=b&primaryID=%7B%7Bid%7D%7D",
        "primaryID=1&address=2&channelAddressType=email",
        "%6bey=%00&&=",
    ];
    by_address.chain(others.map(|query| query.as_bytes().to_vec())).collect()
}
