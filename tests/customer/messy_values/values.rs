//! Values as the real world writes them, each with its meaning, so that the result can be checked.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The meaning of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The person's own value, which must be parsed.
    Own,
    /// A placeholder. It is empty and not reported.
    Nothing,
    /// An unclear value. It counts as empty and must be reported.
    Unclear,
}

/// A value as it is sent.
#[derive(Debug, Clone)]
pub struct Messy {
    pub sent: Value,
    pub meaning: Meaning,
}

fn own(sent: impl Into<Value>) -> Messy {
    Messy { sent: sent.into(), meaning: Meaning::Own }
}

fn unclear(sent: impl Into<Value>) -> Messy {
    Messy { sent: sent.into(), meaning: Meaning::Unclear }
}

fn nothing(words: &'static [&'static str]) -> impl Strategy<Value = Messy> {
    let sent = prop_oneof![4 => select(words).prop_map(Value::from), 1 => Just(Value::Null)];
    sent.prop_map(|sent| Messy { sent, meaning: Meaning::Nothing })
}

/// Invisible characters.
const INVISIBLE: [char; 10] = [
    '\u{ad}', '\u{34f}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}',
    '\u{fe0f}', '\u{feff}',
];

/// A text with invisible characters in it, and blanks around it.
fn smudged(text: String) -> impl Strategy<Value = String> {
    let smudges = proptest::collection::vec((0..64_usize, select(&INVISIBLE[..])), 0..3);
    (smudges, select(&["", " ", "\u{a0}", "\u{202f}", "\t"][..])).prop_map(
        move |(smudges, blank)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, c) in smudges {
                chars.insert(at % (chars.len() + 1), c);
            }
            format!("{blank}{}{blank}", chars.into_iter().collect::<String>())
        },
    )
}

// -------------------------------------------------------------------------------------------------------------- phones

/// The phone number of a person, and a second one.
pub fn line(n: usize) -> String {
    format!("+316123{n:05}")
}

pub fn second_line(n: usize) -> String {
    format!("+316456{n:05}")
}

fn spelled(digits: &str) -> impl Strategy<Value = String> + use<> {
    let [a, b] = [digits[4..7].to_owned(), digits[7..].to_owned()];
    let forms = [
        format!("+316{a}{b}"),
        format!("+31 6 {a} {b}"),
        format!("+31 (0)6 {a}-{b}"),
        format!("+31-(0)6-{a}{b}"),
        format!("+31.(0)6.{a}.{b}"),
        format!("(+31) 6 {a} {b}"),
        format!("[+31] 6{a}{b}"),
        format!("(0031) 6 {a} {b}"),
        format!("00316{a}{b}"),
        format!("00 31 (0)6 {a} {b}"),
        format!("06-{a}{b}"),
        format!("06 {a} {b}"),
        format!("(06) {a}.{b}"),
        format!("06/{a}{b}"),
        format!("6{a}{b}"),
    ];
    (select(forms.to_vec()), select(vec!['0', '٠', '۰', '०', '０'])).prop_map(|(form, zero)| {
        let digit = |c: char| {
            c.to_digit(10).and_then(|value| char::from_u32(u32::from(zero) + value)).unwrap_or(c)
        };
        form.chars().map(digit).collect()
    })
}

pub fn phone(n: usize) -> impl Strategy<Value = Messy> {
    let labels = select(&["", "tel:", "TEL: ", "Tel. ", "whatsapp:", "Mobiel: ", "'"][..]);
    let ends = select(&["", "", "", " ext. 5", " x5", ";ext=5", ",,5#", " toestel 12", "."][..]);
    let one = (labels, spelled(&line(n)), ends)
        .prop_map(|(label, number, end)| format!("{label}{number}{end}"))
        .prop_flat_map(smudged)
        .prop_map(own);
    let floats =
        prop_oneof![Just(format!("{}.0", line(n))), Just(format!("06{}.0", &line(n)[4..]))]
            .prop_map(own);
    let lists = (
        spelled(&line(n)),
        select(&[", ", "; ", " / ", " | ", " of ", "\n"][..]),
        spelled(&second_line(n)),
    )
        .prop_filter("a number without its zero counts only alone", |(_, _, second)| {
            second.starts_with(|c: char| !c.is_numeric() || c.to_digit(10) == Some(0))
        })
        .prop_filter("a slash within is no separator", |(first, _, second)| {
            !first.contains('/') && !second.contains('/')
        })
        .prop_map(|(first, separator, second)| own(format!("{first}{separator}{second}")));
    let array =
        (spelled(&line(n)), spelled(&second_line(n))).prop_map(|(first, _)| own(json!([first])));
    let digits = line(n)[1..].to_owned();
    let broken = vec![
        json!(format!("{}…", &digits[..6])),
        json!(format!("+316 12xx {}", &digits[9..])),
        json!(format!("+3161234****")),
        json!(format!("{}.{}E+10", &digits[..1], &digits[1..])),
        json!(digits.parse::<u64>().unwrap()),
        json!(digits.clone()),
        json!(format!("+31 06{}", &digits[3..])),
        json!(format!("06{}06{}", &digits[3..], &second_line(n)[4..])),
        json!(format!("{digits}.00")),
        json!("call my mother"),
        json!({"number": line(n)}),
        json!(true),
    ];
    let placeholders = nothing(&[
        "null",
        "undefined",
        "None",
        "n/a",
        "unknown",
        "0",
        "-",
        ".",
        "?",
        "",
        "0000000000",
        "+00 000",
        "(null)",
        "anonymous",
    ]);
    prop_oneof![6 => one, 1 => floats, 2 => lists, 1 => array, 3 => select(broken).prop_map(unclear), 2 => placeholders]
}

// ----------------------------------------------------------------------------------------------------------- addresses

pub fn mailbox(n: usize) -> String {
    format!("person{n}@example.org")
}

pub fn second_mailbox(n: usize) -> String {
    format!("person{n}@home.example")
}

pub fn email(n: usize) -> impl Strategy<Value = Messy> {
    let forms = [
        mailbox(n),
        mailbox(n).to_uppercase(),
        format!("mailto:{}", mailbox(n)),
        format!("MAILTO:{}?subject=Hi", mailbox(n)),
        format!("<{}>", mailbox(n)),
        format!("Anna de Vries <{}>", mailbox(n)),
        format!("\"Vries, Anna\" <{}>", mailbox(n)),
        format!("Vries, Anna <{}>", mailbox(n)),
        format!("{}.", mailbox(n)),
        format!("{},", mailbox(n)),
        format!("'{}'", mailbox(n)),
        format!("{} (work)", mailbox(n)),
        format!("{}, {}", mailbox(n), second_mailbox(n)),
        format!("{}; Anna <{}>", mailbox(n), second_mailbox(n)),
        format!("{} {}", mailbox(n), second_mailbox(n)),
        mailbox(n).replace("example", "ｅxample"),
    ];
    let one = select(forms.to_vec()).prop_flat_map(smudged).prop_map(own);
    let broken = vec![
        json!(format!("person{n}")),
        json!(format!("person{n}@")),
        json!(format!("person{n}@localhost")),
        json!(format!("person{n} at example.org")),
        json!(format!("person{n}@@example.org")),
        json!({"address": mailbox(n)}),
        json!(false),
    ];
    let placeholders = nothing(&[
        "null",
        "undefined",
        "none",
        "N/A",
        "unknown",
        "0",
        "-",
        ".",
        "",
        "no email",
        "(none)",
    ]);
    prop_oneof![6 => one, 3 => select(broken).prop_map(unclear), 2 => placeholders]
}

// --------------------------------------------------------------------------------------------------------------- names

/// First names without anything in common.
pub const FIRSTS: [&str; 5] = ["Siobhán", "Thomas", "Małgorzata", "Олена", "Anna-Lena"];

pub fn first_name(first: &'static str) -> impl Strategy<Value = Messy> {
    let forms = vec![
        first.to_owned(),
        first.to_uppercase(),
        format!("Mevr. {first}"),
        format!("Dhr. {first}"),
        format!("Prof. Dr. {first}"),
        format!("Herr Dr. {first}"),
        format!("{first} MSc"),
        format!("{first}, Ph.D."),
        first.replace('á', "&aacute;").replace('ł', "&lstrok;").replace('-', "&#45;"),
    ];
    let one = select(forms).prop_flat_map(smudged).prop_map(own);
    let titles = select(&["Mr.", "Mevr.", "Dr", "Herr", "Frau Dr."][..])
        .prop_map(|title| Messy { sent: json!(title), meaning: Meaning::Nothing });
    let broken =
        vec![unclear(json!({"first": first})), unclear(json!([first])), unclear(json!(true))];
    let placeholders = nothing(&[
        "null",
        "undefined",
        "None",
        "n/a",
        "unknown",
        "0",
        "-",
        ".",
        "?",
        "",
        "[object Object]",
    ]);
    prop_oneof![6 => one, 1 => titles, 1 => select(broken), 2 => placeholders]
}

// ----------------------------------------------------------------------------------------------------------------- ids

pub fn uuid(n: usize) -> String {
    format!("d290f1ee-6c54-4b01-90e6-{n:012x}")
}

/// Possible ids of a record at its source.
#[allow(dead_code, reason = "over HTTP the ids are needed to find the answers")]
pub fn record_id(n: usize) -> impl Strategy<Value = Messy> {
    let forms = vec![
        json!(uuid(n)),
        json!(uuid(n).to_uppercase()),
        json!(format!("{{{}}}", uuid(n).to_uppercase())),
        json!(format!("urn:uuid:{}", uuid(n))),
    ];
    let placeholders = nothing(&[
        "null",
        "undefined",
        "None",
        "n/a",
        "unknown",
        "0",
        "-",
        "",
        "00000000-0000-0000-0000-000000000000",
        "NaN",
        "-1",
    ]);
    let smudges = smudged(uuid(n)).prop_map(own);
    prop_oneof![5 => select(forms).prop_map(own), 2 => smudges, 2 => placeholders]
}

/// The number of an order, which may be written as a number.
pub fn order(n: usize) -> String {
    format!("1006{n:05}")
}

pub fn order_number(n: usize) -> impl Strategy<Value = Messy> {
    let number: u64 = order(n).parse().unwrap();
    let forms = vec![
        json!(order(n)),
        json!(number),
        json!(number as f64),
        json!(format!("{number}.0")),
        json!(format!(" {number}\u{200b}")),
    ];
    let broken =
        vec![unclear(json!({"order": number})), unclear(json!([number])), unclear(json!(true))];
    let placeholders = nothing(&["null", "undefined", "0", "-", "n/a", "", "0.0"]);
    prop_oneof![5 => select(forms).prop_map(own), 1 => select(broken), 2 => placeholders]
}

// --------------------------------------------------------------------------------------------------------------- times

pub fn time(at: Timestamp) -> impl Strategy<Value = Messy> {
    let (second, zoned) =
        (at.as_second(), at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(1))));
    let forms = vec![
        json!(at.to_string()),
        json!(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        json!(at.strftime("%Y/%m/%d %H:%M:%S").to_string()),
        json!(at.strftime("%Y%m%dT%H%M%SZ").to_string()),
        json!(at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()),
        json!(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
        json!(format!("{}[Europe/Amsterdam]", zoned.strftime("%Y-%m-%dT%H:%M:%S%:z"))),
        json!(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        json!(zoned.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()),
        json!(second),
        json!(second.to_string()),
        json!(second as f64),
        json!(format!("{second}.000")),
        json!(at.as_millisecond()),
        json!(at.as_microsecond()),
        json!(at.as_nanosecond().to_string()),
        json!(format!("/Date({})/", at.as_millisecond())),
        json!(format!("/Date({}+0100)/", at.as_millisecond())),
    ];
    let broken = vec![
        json!("soon"),
        json!(at.strftime("%d/%m/%Y").to_string()),
        json!(at.strftime("%d-%m-%Y %H:%M").to_string()),
        json!(at.strftime("%Y-%m-%d %H:%M:%S CET").to_string()),
        json!(at.strftime("%Y-13-%d").to_string()),
        json!(at.strftime("%H:%M").to_string()),
        json!(2026),
        json!("20262026-01-01T00:00:00Z"),
        json!("2926-01-01T00:00:00Z"),
        json!(true),
        json!({"date": at.to_string()}),
    ];
    let placeholders = nothing(&[
        "null",
        "",
        "0",
        "-",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00",
        "1970-01-01",
        "1970-01-01T00:00:00Z",
        "/Date(0)/",
    ]);
    prop_oneof![6 => select(forms).prop_map(own), 3 => select(broken).prop_map(unclear), 2 => placeholders]
}
