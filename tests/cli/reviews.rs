//! Open questions and lookups: how often lookups met them, and those that only lookups raise.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::SourceKind;
use serde_json::Value;

use crate::command::{RunEnd, Running};
use crate::json_output::json_of;
use crate::shop::{Shop, record};

const COUPLE: &str = "+31644556677";
const OFFICE: &str = "+31201234500";
const SWITCHBOARD: &str = "+31201234600";

/// A name that is like no other one.
fn name(seed: usize) -> String {
    let mut rest = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut letter = || {
        rest = rest.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((rest >> 33) % 26).unwrap())
    };
    (0..9).map(|_| letter()).collect()
}

/// Contacts with one phone, each with a name of its own.
fn people(phone: &str, prefix: &str, number: usize) -> Vec<Change> {
    let contact = |n: usize| {
        let (first, last) = (name(n), name(n + 10_000));
        let fields = [("name.first", first.as_str()), ("name.last", &last), ("phone.main", phone)];
        record(SourceKind::OmnioTapContact, &format!("{prefix}-{n}"), &fields)
    };
    (0..number).map(contact).collect()
}

/// A couple; an office with a few people, who share its number; a switchboard of more people than an answer may have.
fn everybody() -> Vec<Change> {
    [people(COUPLE, "couple", 2), people(OFFICE, "office", 6), people(SWITCHBOARD, "switch", 12)]
        .concat()
}

/// A running service, and the key for its lookups.
struct Service {
    running: Running,
    key: String,
}

impl Service {
    fn start(shop: &Shop) -> Self {
        let created = shop.run(&["key", "create", "--brand", "shop", "--json"]).well();
        let url = json_of("key create", &created)["crm_sync_url"].as_str().unwrap().to_owned();
        let key = url.split_once("key=").unwrap().1.split('&').next().unwrap().to_owned();
        Self { running: shop.serve(), key }
    }

    /// The number of customers in the answer.
    fn ask(&self, query: &str) -> usize {
        let mut stream = TcpStream::connect(&self.running.address).unwrap();
        let target = format!("/omnidesk/customerlookup?key={}&{query}", self.key);
        write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        serde_json::from_str::<Vec<Value>>(body).unwrap().len()
    }

    fn by_phone(&self, phone: &str, ticket: &str) -> usize {
        let address = phone.replace('+', "%2B");
        self.ask(&format!("channelAddressType=phoneNumber&address={address}&ticketID={ticket}"))
    }
}

/// Waits until the history has so many lookups.
fn until_written(shop: &Shop, lookups: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let written = || shop.texts("select count(*)::text from lookup_history").remove(0);
    while written() != lookups.to_string() {
        assert!(Instant::now() < deadline, "never {lookups}: {}", written());
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn list(shop: &Shop, more: &[&str]) -> Vec<Value> {
    let out = shop.run(&[&["review", "list", "--json"], more].concat()).well();
    json_of("review list", &out).as_array().unwrap().clone()
}

/// The addresses of the questions, with the number of lookups and the last ticket.
fn met(reviews: &[Value]) -> Vec<(&str, u64, &str)> {
    reviews
        .iter()
        .map(|review| {
            let ticket = review["last_ticket"].as_str().unwrap_or_default();
            (review["value"].as_str().unwrap(), review["lookups"].as_u64().unwrap(), ticket)
        })
        .collect()
}

fn decide(shop: &Shop, id: &str, answer: &str) -> RunEnd {
    shop.run(&["review", "decide", id, answer, "--yes", "--by", "Femke", "--json"])
}

fn decided(shop: &Shop, id: &str, answer: &str) -> String {
    let out = decide(shop, id, answer).well();
    json_of("review decide", &out)["decision_id"].as_str().unwrap().to_owned()
}

fn id(review: &Value) -> &str {
    review["id"].as_str().unwrap()
}

#[test]
fn lookups_raise_and_count_questions_and_what_is_decided_does_not_come_back() {
    let shop = Shop::open();
    shop.apply(everybody());
    let open = list(&shop, &[]);
    assert_eq!(met(&open), [(COUPLE, 0, "")], "the evidence raises one question");
    let service = Service::start(&shop);
    assert_eq!(service.by_phone(COUPLE, "300"), 2);
    assert_eq!(service.by_phone(OFFICE, "200"), 6);
    assert_eq!(service.by_phone(OFFICE, "201"), 6);
    for ticket in ["100", "101", "anna%40example.org", "0612312312", "31612312312"] {
        assert_eq!(service.by_phone(SWITCHBOARD, ticket), 0, "too many match");
    }
    // Nobody has this number: that is no question.
    assert_eq!(service.by_phone("+31699999999", "400"), 0);
    until_written(&shop, 9);
    let open = list(&shop, &[]);
    assert_eq!(met(&open), [(SWITCHBOARD, 5, "101"), (OFFICE, 2, "201"), (COUPLE, 1, "300")]);
    assert_eq!((&open[0]["level"], &open[0]["type"]), (&"lookup".into(), &"telephone".into()));
    assert_eq!(open[0]["customers"].as_array().unwrap().len(), 12, "all, not only those found");
    let why = shop.run(&["lookup", "--phone", SWITCHBOARD]).well();
    assert!(why.contains("More than 10 customers match."), "{why}");
    let shown = shop.run(&["customer", "show", "--phone", SWITCHBOARD, "--json"]).well();
    assert_eq!(json_of("customer show", &shown).as_array().unwrap().len(), 12);
    let shown = shop.run(&["review", "list"]).well();
    for part in [
        "12 customers",
        "lookups of the phone number +31201234600 find 12 customers",
        "met by 5 lookups, the last ",
        ", last ticket 101",
        "met by 1 lookup, the last ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = shop.run(&["review", "show", id(&open[0])]).well();
    assert!(shown.contains("met by 5 lookups, the last 20") && shown.contains("last ticket 101"));
    let shown = shop.run(&["review", "show", id(&open[0]), "--json"]).well();
    let shown = json_of("review show", &shown);
    assert_eq!((&shown["lookups"], &shown["last_ticket"]), (&5.into(), &"101".into()));
    let trace = shop.run(&["lookup", "trace", "--ticket", "100"]).well();
    assert!(trace.contains("nobody, because too many customers match"), "{trace}");

    // Later: away for some days, and listed with --all.
    shop.run(&["review", "later", id(&open[1])]).well();
    assert_eq!(list(&shop, &[]).len(), 2);
    let all = list(&shop, &["--all"]);
    assert_eq!(met(&all), met(&open));
    assert!(!all[1]["postponed_until"].is_null());

    let shared = decided(&shop, id(&open[0]), "shared");
    decided(&shop, id(&open[1]), "different");
    decided(&shop, id(&open[2]), "different");
    assert_eq!(list(&shop, &["--all"]), Vec::<Value>::new());
    // They do not come back, whatever is replayed or asked.
    shop.apply(everybody());
    shop.run(&["rebuild"]).well();
    service.by_phone(SWITCHBOARD, "102");
    service.by_phone(OFFICE, "202");
    service.by_phone(COUPLE, "302");
    until_written(&shop, 12);
    assert_eq!(list(&shop, &["--all"]), Vec::<Value>::new());
    // Undone, it is a question again, and somebody new at the office is one.
    shop.run(&["decision", "undo", &shared, "--yes"]).well();
    assert_eq!(met(&list(&shop, &[])), [(SWITCHBOARD, 6, "102")]);
    let new = [("name.first", "Willemijn"), ("name.last", "Kuipers"), ("phone.main", OFFICE)];
    shop.apply(vec![record(SourceKind::OmnioTapContact, "new", &new)]);
    let open = list(&shop, &[]);
    assert_eq!(met(&open), [(SWITCHBOARD, 6, "102"), (OFFICE, 3, "202")]);
    assert_eq!(open[1]["customers"].as_array().unwrap().len(), 7);
    let refused = decide(&shop, id(&open[1]), "same");
    assert!(refused.error.contains("contradicts a decision in force"), "{refused:?}");
    decided(&shop, id(&open[1]), "different");
    assert_eq!(met(&list(&shop, &[])), [(SWITCHBOARD, 6, "102")]);
    service.running.stop();
}

#[test]
fn an_id_of_two_systems_is_a_question_and_an_erasure_forgets_it() {
    let shop = Shop::open();
    let changes = || {
        vec![
            record(SourceKind::OmnioTapContact, "4711", &[("name.first", "Ruben")]),
            record(SourceKind::OmneoProfile, "4711", &[("name.first", "Sanne")]),
        ]
    };
    shop.apply(changes());
    let service = Service::start(&shop);
    assert_eq!(service.ask("primaryID=4711&ticketID=81234"), 0);
    until_written(&shop, 1);
    let open = list(&shop, &[]);
    assert_eq!(met(&open), [("4711", 1, "81234")]);
    assert_eq!(open[0]["type"], "id");
    assert_eq!(decide(&shop, id(&open[0]), "shared").code, Some(2));
    shop.run(&["review", "later", id(&open[0]), "--days", "30"]).well();
    let left = || {
        shop.texts(
            "select count(*)::text from lookup_history where ticket = '81234'
            union all select count(*)::text from postponed_lookup_reviews",
        )
    };
    assert_eq!(left(), ["1", "1"]);
    let erased = shop.run(&["customer", "erase", "--id", "omneo.profile:4711", "--yes"]);
    assert_eq!(erased.code, Some(0), "{erased:?}");
    assert_eq!(left(), ["0", "0"]);
    assert!(list(&shop, &["--all"]).is_empty());
    service.running.stop();
}

#[test]
fn a_question_about_very_many_customers_says_what_can_be_decided() {
    let shop = Shop::with("[brands.shop.identity]\nshared_value_threshold = 1000\n");
    shop.apply(people(OFFICE, "office", 110));
    shop.apply(people(SWITCHBOARD, "switch", 210));
    shop.apply(people(COUPLE, "many", 150));
    let open = list(&shop, &[]);
    let about = |phone: &str| open.iter().find(|review| review["value"] == phone).unwrap();
    // All of 110 customers, at once.
    assert_eq!(about(OFFICE)["customers"].as_array().unwrap().len(), 110);
    decided(&shop, id(about(OFFICE)), "different");
    // 150 customers are too many pairs.
    let refused = decide(&shop, id(about(COUPLE)), "different");
    assert!(refused.code == Some(1) && refused.error.contains("value share"), "{refused:?}");
    // 210 are too many for one decision.
    for answer in ["same", "different"] {
        let refused = decide(&shop, id(about(SWITCHBOARD)), answer);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.error.contains("more than 200 customers"), "{refused:?}");
        assert!(refused.error.contains("value share"), "{refused:?}");
    }
    let shown = shop.run(&["review", "show", id(about(SWITCHBOARD))]).well();
    assert!(shown.contains("more than 200 customers") && !shown.contains(" same "), "{shown}");
    decided(&shop, id(about(SWITCHBOARD)), "shared");
    decided(&shop, id(about(COUPLE)), "shared");
    assert!(list(&shop, &["--all"]).is_empty());
}

#[test]
fn a_list_of_ten_thousand_questions_is_bounded_and_says_how_many_are_left_out() {
    let shop = Shop::open();
    shop.apply(people(COUPLE, "couple", 2));
    shop.sql(
        "insert into match_reviews (brand_id, level, kind, value, conflict, customer_keys, first_key, found_at)
        select brand_id, 'phone', 'telephone', '+316' || n, conflict, customer_keys, first_key, now() - make_interval(hours => n)
        from match_reviews, generate_series(10000001, 10009999) as n",
    );
    shop.sql(
        "insert into lookup_history (brand_id, asked_at, request_id, status, cache, customer_keys, sources, duration_us)
        select brand_id, now(), gen_random_uuid(), 200, 'hit', '{}', '', 1 from brands, generate_series(1, 1000)",
    );
    let ended = shop.run(&["review", "list", "--json"]);
    let listed = json_of("review list", &ended.out);
    assert_eq!(listed.as_array().unwrap().len(), 100);
    let more = "9900 more open questions; --limit N shows more of them.\n";
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), more));
    assert_eq!(listed[0]["value"], COUPLE, "the newest first, as no lookup met any");
    assert!(
        shop.run(&["review", "list", "--limit", "7"]).well().contains("9993 more open questions")
    );
    let ended = shop.run(&["review", "list", "--limit", "10000", "--json"]);
    assert_eq!(
        (ended.error.as_str(), json_of("review list", &ended.out).as_array().unwrap().len()),
        ("", 10_000)
    );
}
