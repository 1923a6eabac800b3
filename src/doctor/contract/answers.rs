//! Checks of answers: the documented lookups, and other spellings of them.

use reqwest::Method;

use super::check::{Check, Documented, How, request};
use super::client::Response;
use super::expected::Expected::{Answer, AnswerIfPossible, BadRequestOrNobody, Head};
use crate::counted::counted;
use crate::doctor::finding::Observation;

const ANSWER: &str = "Answer 200 with [] if nobody matches.";
const IGNORE: &str = "Ignore parameters that are not documented, and the value of ticketID.";
const DECODE: &str =
    "Decode the query as that of an HTML form: percent escapes such as %40 are UTF-8.";
const PLUS: &str = "Read a space before the digits as the plus that a client did not encode.";

/// The checks of answers.
pub(super) static ANSWERS: &[Check] = &[
    Check {
        id: "email-status",
        question: "Does the documented lookup by e-mail address answer 200?",
        how: How::Documented(Documented::Email),
        remedy: ANSWER,
    },
    Check {
        id: "phone-status",
        question: "Does the documented lookup by phone number answer 200?",
        how: How::Documented(Documented::Phone),
        remedy: ANSWER,
    },
    Check {
        id: "id-status",
        question: "Does the documented lookup by primaryID answer 200?",
        how: How::Documented(Documented::Id),
        remedy: ANSWER,
    },
    Check {
        id: "content-type",
        question: "Is the content type application/json; charset=utf-8?",
        how: How::Answers(content_type),
        remedy: "Send the header Content-Type: application/json; charset=utf-8.",
    },
    Check {
        id: "json",
        question: "Is the answer JSON?",
        how: How::Answers(json),
        remedy: "Send one JSON value in UTF-8, and nothing before or after it.",
    },
    Check {
        id: "array",
        question: "Is the answer an array?",
        how: How::Answers(array),
        remedy: "Send an array of customers always, also for one customer and for none.",
    },
    Check {
        id: "nobody",
        question: "Is the array empty if nobody matches?",
        how: How::Answers(nobody),
        remedy: "Answer [] if nobody has the address or id. Never guess.",
    },
    Check {
        id: "no-store",
        question: "Do answers forbid proxies to keep a copy?",
        how: How::Answers(no_store),
        remedy: "Send the header Cache-Control: no-store. Answers are personal data.",
    },
    Check {
        id: "nosniff",
        question: "Do answers forbid browsers to guess the content type?",
        how: How::Answers(nosniff),
        remedy: "Send the header X-Content-Type-Options: nosniff.",
    },
    Check {
        id: "keep-alive",
        question: "Can a connection be used for several requests?",
        how: How::Answers(keep_alive),
        remedy: "Keep connections open. A new TLS connection for each lookup costs time.",
    },
    Check {
        id: "head",
        question: "Does HEAD answer like GET?",
        how: How::Request(Method::HEAD, "{key}&{email}", Head),
        remedy: "Answer HEAD like GET, without the body.",
    },
    request(
        "without-ticket",
        "Does a lookup without ticketID answer 200?",
        "{key}&{email}",
        Answer,
        IGNORE,
    ),
    request(
        "ticket-odd",
        "Is an empty or repeated ticketID ignored?",
        "{key}&{email}&ticketID=&ticketID=x",
        Answer,
        IGNORE,
    ),
    request(
        "parameter-extra",
        "Is an unknown parameter ignored?",
        "{key}&{email}&hookpointDoctor=1",
        Answer,
        IGNORE,
    ),
    request(
        "parameter-order",
        "May the key be the last parameter?",
        "{email}&{key}",
        Answer,
        "Read parameters by name, in any order.",
    ),
    request(
        "email-at",
        "Is an @ accepted if it is not encoded?",
        "{key}&channelAddressType=email&address=hookpoint-doctor@example.org",
        Answer,
        DECODE,
    ),
    request(
        "email-plus",
        "Is an e-mail address with a plus accepted?",
        "{key}&channelAddressType=email&address=hookpoint%2Bdoctor%40example.org",
        Answer,
        DECODE,
    ),
    request(
        "email-case",
        "Is an e-mail address in capital letters accepted?",
        "{key}&channelAddressType=email&address=HOOKPOINT-DOCTOR%40EXAMPLE.ORG",
        Answer,
        "Treat capital and small letters in e-mail addresses as equal.",
    ),
    request(
        "email-quote",
        "Is an e-mail address with an apostrophe accepted?",
        "{key}&channelAddressType=email&address=o%27hookpoint%40example.org",
        Answer,
        "Accept every character that RFC 5321 allows. Give values to SQL as parameters only.",
    ),
    request(
        "email-idn",
        "Is an internationalised domain accepted?",
        "{key}&channelAddressType=email&address=hookpoint%40b%C3%BCcher.example",
        Answer,
        DECODE,
    ),
    request(
        "phone-plus",
        "Is a phone number accepted if its plus is not encoded?",
        "{key}&channelAddressType=phoneNumber&address=+447700900123",
        AnswerIfPossible,
        PLUS,
    ),
    request(
        "phone-space",
        "Is a phone number accepted if its plus arrives as a space?",
        "{key}&channelAddressType=phoneNumber&address=%20447700900123",
        AnswerIfPossible,
        PLUS,
    ),
    request(
        "id-quotes",
        "Do quotation marks in a primaryID find nobody?",
        "{key}&primaryID=hookpoint%27%22doctor",
        BadRequestOrNobody,
        "Compare whole ids, as strings. Give values to SQL as parameters only.",
    ),
    request(
        "id-unicode",
        "Does a primaryID in other letters find nobody?",
        "{key}&primaryID=%E6%97%A5%F0%9F%8C%BB",
        BadRequestOrNobody,
        DECODE,
    ),
    request(
        "id-wildcard",
        "Do wildcards in a primaryID find nobody?",
        "{key}&primaryID=%25",
        BadRequestOrNobody,
        "Compare whole ids, as strings. Use no LIKE and no pattern.",
    ),
];

/// Judges all answers. The first one that is wrong counts.
fn each(answers: &[Response], judge: impl Fn(&Response) -> Observation) -> Observation {
    use crate::doctor::finding::Verdict::{Pass, Skipped};
    let judged: Vec<Observation> = answers.iter().map(judge).collect();
    let wrong = judged.iter().find(|judged| ![Pass, Skipped].contains(&judged.verdict));
    let shown = wrong.or_else(|| judged.iter().find(|judged| judged.verdict == Pass));
    shown
        .or_else(|| judged.first())
        .cloned()
        .unwrap_or_else(|| Observation::skipped("no documented lookup answers 200"))
}

fn content_type(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.content_type().as_str() {
        "application/json;charset=utf-8" | "application/json;charset=\"utf-8\"" => {
            Observation::pass("as documented")
        }
        "application/json" => Observation::warn("application/json without a charset"),
        "" => Observation::fail("no content type"),
        of_text if of_text.starts_with("text/html") => Observation::fail("text/html"),
        of_text if of_text.starts_with("text/plain") => Observation::fail("text/plain"),
        _ => Observation::fail("another content type"),
    })
}

fn json(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.json() {
        Some(_) => Observation::pass("JSON"),
        None if answer.body.is_empty() => Observation::fail("an empty body"),
        None => Observation::fail("not JSON"),
    })
}

fn array(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.json() {
        None => Observation::skipped("the answer is not JSON"),
        Some(value) if value.is_array() => Observation::pass("an array"),
        Some(value) => Observation::fail(super::shape::type_of(&value)),
    })
}

fn nobody(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.customers() {
        None => Observation::skipped("the answer is not an array"),
        Some(customers) if customers.is_empty() => Observation::pass("[]"),
        Some(customers) => Observation::fail(format!(
            "the array has {}",
            counted(customers.len(), "element", "elements")
        )),
    })
}

fn no_store(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.header("cache-control") {
        value if value.contains("no-store") => Observation::pass("no-store"),
        _ => Observation::warn("Cache-Control without no-store"),
    })
}

fn nosniff(answers: &[Response]) -> Observation {
    each(answers, |answer| match answer.header("x-content-type-options").as_str() {
        "nosniff" => Observation::pass("nosniff"),
        _ => Observation::warn("no nosniff"),
    })
}

fn keep_alive(answers: &[Response]) -> Observation {
    each(answers, |answer| {
        if answer.closes_connection() {
            Observation::warn("the server closes the connection after an answer")
        } else {
            Observation::pass("the connection stays open")
        }
    })
}
