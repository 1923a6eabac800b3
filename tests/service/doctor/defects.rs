//! One defect for each check. Only that check finds it.

use std::sync::atomic::{AtomicUsize, Ordering};

use hookpoint::doctor::finding::Verdict::{self, Fail, Warn};
use serde_json::{Value, json};

use super::authority::Authority;
use super::broken_hookpoint::{Change, KEY, Request, Response};
use super::tls::tls_proxy;
use super::*;

/// A defect, and how it shows.
struct Defect {
    id: &'static str,
    verdict: Verdict,
    change: Change,
}

const fn defect(id: &'static str, verdict: Verdict, change: Change) -> Defect {
    Defect { id, verdict, change }
}

/// Queries with a part get another status. Two ampersands stand for the end of the query.
macro_rules! status {
    ($id:literal, $part:literal, $status:literal) => {
        status!($id, $part, $status, Fail)
    };
    ($id:literal, $part:literal, $status:literal, $verdict:expr) => {
        defect($id, $verdict, |request, response| {
            if request.method == "GET" && format!("{}&&", request.query).contains($part) {
                *response = Response::customers(&json!([]));
                response.status = $status;
            }
        })
    };
}

/// Answers to other methods.
macro_rules! method {
    ($id:literal, $method:literal, $status:literal) => {
        defect($id, Fail, |request, response| {
            if request.method == $method {
                response.status = $status;
            }
        })
    };
}

/// The customer gets a fault.
macro_rules! customer {
    ($id:literal, $verdict:expr, $change:expr) => {
        defect($id, $verdict, |_, response| {
            change_customers(response, |customers| {
                customers.iter_mut().for_each(|customer| {
                    let change: fn(&mut Value) = $change;
                    change(customer);
                });
            })
        })
    };
}

/// Changes the customers of an answer, if there are any.
fn change_customers(response: &mut Response, change: impl Fn(&mut Vec<Value>)) {
    if let Ok(Value::Array(mut customers)) = serde_json::from_str(&response.body)
        && !customers.is_empty()
    {
        change(&mut customers);
        response.body = Value::Array(customers).to_string();
    }
}

/// A header of answers is missing.
macro_rules! without_header {
    ($id:literal, $name:literal) => {
        defect($id, Warn, |_, response| response.remove($name))
    };
}

/// The nobody of the examination is answered with this body.
macro_rules! nobody {
    ($id:literal, $body:literal) => {
        defect($id, Fail, |_, response| {
            if response.body == "[]" {
                response.body = $body.to_owned();
            }
        })
    };
}

fn push(list: &mut Value, element: Value) {
    list.as_array_mut().unwrap().push(element);
}

fn is_error(response: &Response) -> bool {
    response.status >= 400
}

fn decoded(request: &Request, name: &str) -> String {
    let start = format!("{name}=");
    let value = request.query.split('&').find_map(|pair| pair.strip_prefix(&start));
    percent_encoding::percent_decode_str(value.unwrap_or_default()).decode_utf8_lossy().into_owned()
}

const CONNECTION: &[Defect] = &[
    defect("reachable", Fail, |_, response| response.status = 0),
    defect("redirect", Fail, |_, response| {
        response.status = 302;
        response.set("Location", "https://elsewhere.example/");
    }),
    defect("key-accepted", Fail, |_, response| response.status = 401),
    defect("content-type", Fail, |_, response| {
        if response.status == 200 {
            response.set("Content-Type", "text/html");
        }
    }),
    without_header!("no-store", "Cache-Control"),
    without_header!("nosniff", "X-Content-Type-Options"),
    defect("keep-alive", Warn, |_, response| response.set("Connection", "close")),
    defect("concurrent", Fail, |request, response| {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        if request.query.ends_with("address=%2B447700900123") {
            response.body.push_str(&" ".repeat(NUMBER.fetch_add(1, Ordering::Relaxed)));
        }
    }),
    defect("error-without-key", Fail, |_, response| {
        if is_error(response) {
            response.body = format!("what is {KEY}?");
        }
    }),
    defect("error-without-address", Fail, |request, response| {
        if is_error(response) {
            response.body = format!("what is {}?", decoded(request, "address"));
        }
    }),
    defect("error-without-internals", Warn, |_, response| {
        if is_error(response) {
            response.body = "java.lang.NullPointerException at Lookup.java:42".to_owned();
        }
    }),
];

const ANSWERS: &[Defect] = &[
    status!("email-status", "address=hookpoint-doctor%40example.org&ticketID=1234", 500),
    status!("phone-status", "address=%2B447700900123&ticketID=1234", 500),
    status!("id-status", "key&primaryID=hookpoint-doctor-nobody&&", 404),
    nobody!("json", "nobody"),
    nobody!("array", "{}"),
    defect("nobody", Fail, |request, response| {
        if request.query.ends_with("address=%2B447700900123&ticketID=1234") {
            response.body = "[{}]".to_owned();
        }
    }),
    method!("head", "HEAD", 500),
    status!(
        "without-ticket",
        "key&channelAddressType=email&address=hookpoint-doctor%40example.org&&",
        400
    ),
    status!("ticket-odd", "ticketID=&", 400),
    status!("parameter-extra", "hookpointDoctor=1", 400),
    status!("parameter-order", "&key=canary-of-the-key&", 401),
    status!("email-at", "hookpoint-doctor@", 400),
    status!("email-plus", "hookpoint%2Bdoctor", 400),
    status!("email-case", "HOOKPOINT-DOCTOR", 400),
    status!("email-quote", "o%27hookpoint", 500),
    status!("email-idn", "b%C3%BCcher", 400),
    status!("phone-plus", "address=+44", 400, Warn),
    status!("phone-space", "address=%2044", 500),
    status!("id-quotes", "hookpoint%27%22doctor", 500),
    status!("id-unicode", "%E6%97%A5", 500),
    defect("id-wildcard", Fail, |request, response| {
        if request.query.ends_with("primaryID=%25") {
            response.body = "[{}]".to_owned();
        }
    }),
];

const REFUSALS: &[Defect] = &[
    status!("phone-00", "address=00447700900123", 200),
    status!("phone-national", "address=07700900123", 200),
    status!("phone-without-plus", "address=447700900123", 200),
    status!("phone-long", "address=%2B4477009001234567", 500),
    status!("phone-text", "%5BNumber%5D", 200),
    status!("phone-is-email", "phoneNumber&address=hookpoint-doctor%40", 200),
    status!("email-text", "%7B%7Baddress%7D%7D", 200),
    status!("email-domain", "email&address=hookpoint-doctor%40&", 500),
    status!("email-several", "%2Ctwo%40", 200),
    status!("email-control", "address=hookpoint%00doctor", 500),
    status!("email-is-phone", "email&address=%2B44", 422, Warn),
    status!("id-control", "primaryID=hookpoint%00doctor", 500),
    status!("percent-broken", "hookpoint%zz", 500),
    status!("utf8-broken", "hookpoint%FF", 500),
    status!("query-long", "hookpointDoctor=aaaa", 500),
    status!("parameters-missing", "key=canary-of-the-key&&", 200),
    status!("type-missing", "key&address=hookpoint-doctor", 200),
    status!("address-missing", "channelAddressType=email&&", 200),
    status!("address-empty", "email&address=&", 200),
    status!("id-empty", "key&primaryID=&", 200),
    status!("type-unknown", "=telephone&", 200),
    status!("type-repeated", "phoneNumber&channelAddressType", 200),
    status!("address-repeated", "doctor-two%40", 200),
    status!("id-repeated", "hookpoint-doctor-two", 200),
    status!("both-forms", "example.org&primaryID=", 200),
    status!("key-empty", "key=&channel", 200),
    status!("key-wrong", "wrong-key&channel", 200),
    status!("key-longer", "keyx&", 200),
    status!("key-repeated", "canary-of-the-key&key=", 200),
    status!("key-bytes", "key=%FF%00", 500),
    status!("key-wrong-malformed", "wrong-key&address=", 500),
    defect("key-missing", Fail, |request, response| {
        if !request.query.contains("key=") && !request.query.is_empty() {
            *response = Response::customers(&json!([]));
        }
    }),
    method!("method-post", "POST", 200),
    method!("method-put", "PUT", 500),
    method!("method-delete", "DELETE", 204),
    defect("allow", Warn, |_, response| response.remove("Allow")),
    defect("unknown-path", Fail, |request, response| {
        if request.path.ends_with("/hookpoint-doctor") {
            *response = Response::customers(&json!([]));
        }
    }),
];

const CUSTOMER: &[Defect] = &[
    status!("found", "address=canary%2Dthomas%40example%2Eorg&", 200),
    defect("found-one", Warn, |request, response| {
        if request.query.contains("address=%2B31612312311") {
            change_customers(response, |customers| {
                let mut other = customers[0].clone();
                other["customerID"] = json!("another");
                customers.push(other);
            });
        }
    }),
    defect("found-same", Fail, |request, response| {
        if request.query.contains("address=%2B31612312311") {
            change_customers(response, |customers| customers[0]["customerID"] = json!("another"));
        }
    }),
    status!("found-by-customer-id", "primaryID=2019000000000124", 200),
    status!("found-in-capitals", "CANARY%2DTHOMAS", 200),
    defect("found-address", Warn, |request, response| {
        if request.query.contains("address=%2B31612312311") {
            change_customers(response, |customers| {
                customers[0]["addresses"].as_array_mut().unwrap().remove(1);
            });
        }
    }),
    customer!("customer-object", Fail, |it| *it = json!("Thomas")),
    customer!("customer-fields", Fail, |it| {
        it.as_object_mut().unwrap().remove("customerFirstname");
    }),
    customer!("customer-other-fields", Warn, |it| it["canary@example.org"] = json!(1)),
    customer!("customer-id", Fail, |it| it["customerID"] = json!(2_019_000_000_000_124_u64)),
    customer!("names", Fail, |it| it["customerLastname"] = Value::Null),
    customer!("addresses", Fail, |it| push(
        &mut it["addresses"],
        json!({"address": 5, "type": "twitter"})
    )),
    customer!("address-types", Fail, |it| {
        push(&mut it["addresses"], json!({"address": "+31612312312", "type": "phoneNumber"}));
    }),
    customer!("telephones", Fail, |it| {
        push(&mut it["addresses"], json!({"address": "06-12312312", "type": "telephone"}));
    }),
    customer!("emails", Fail, |it| {
        push(&mut it["addresses"], json!({"address": "T <t@example.org>", "type": "email"}));
    }),
    customer!("custom-fields", Fail, |it| push(&mut it["customFields"], json!({"points": 842}))),
    customer!("timeline", Fail, |it| push(&mut it["timeline"], json!({}))),
    customer!("timeline-strings", Fail, |it| it["timeline"][0]["externalID"] = json!(5)),
    customer!("last-update", Fail, |it| {
        it["timeline"][0]["lastUpdate"] = json!("2021-12-21T15:00:11Z");
    }),
    customer!("timeline-order", Warn, |it| {
        it["timeline"][0]["lastUpdate"] = json!("2021-12-19 15:00:11");
    }),
    customer!("timeline-links", Fail, |it| it["timeline"][1]["url"] = json!("javascript:alert(1)")),
];

/// The findings that are wrong.
fn wrong(examination: &Examination) -> Vec<(&'static str, Verdict)> {
    let mut found = others(examination);
    found.retain(|(_, verdict)| *verdict != Verdict::Skipped);
    found
}

async fn examined(target: &Target, options: &Options) -> Examination {
    examine(target, &test_customer(), options).await.unwrap()
}

/// The defects of the connection, which need another URL or another limit.
async fn special() -> Vec<(&'static str, Verdict, Examination)> {
    let hookpoint = BrokenHookpoint::start(None).await;
    // A connection to this address ends on this machine, but it is no loopback address.
    let url = hookpoint.url();
    let unencrypted = Target::parse(&url.replace("127.0.0.1", "0.0.0.0"), None, "key").unwrap();
    let untrusted = tls_proxy(&Authority::new(), &hookpoint).await;
    let untrusted = Target::parse(&untrusted, None, "key").unwrap();
    let strict = Options { slow_after: Duration::ZERO, ..options() };
    vec![
        ("https", Fail, examined(&unencrypted, &options()).await),
        ("certificate", Fail, examined(&untrusted, &options()).await),
        ("time", Warn, examined(&hookpoint.target(), &strict).await),
    ]
}

#[tokio::test]
async fn each_check_finds_its_defect_and_no_other_check_does() {
    let faultless = BrokenHookpoint::start(None).await;
    assert_eq!(wrong(&examined(&faultless.target(), &options()).await), []);
    let mut examined_defects = special().await;
    for defect in [CONNECTION, ANSWERS, REFUSALS, CUSTOMER].into_iter().flatten() {
        let hookpoint = BrokenHookpoint::start(Some(defect.change)).await;
        let examination = examined(&hookpoint.target(), &options()).await;
        examined_defects.push((defect.id, defect.verdict, examination));
    }
    let (mut broken, mut mistaken) = (Vec::new(), Vec::new());
    for (id, verdict, examination) in &examined_defects {
        if wrong(examination) != [(*id, *verdict)] {
            mistaken.push((*id, wrong(examination)));
        }
        let found = examination.findings.iter().find(|finding| finding.id == *id).unwrap();
        assert!(found.remedy.is_none_or(|remedy| !remedy.is_empty()), "{id}");
        broken.push(*id);
    }
    assert!(mistaken.is_empty(), "{mistaken:#?}");
    broken.sort_unstable();
    let mut all = ids();
    all.sort_unstable();
    assert_eq!(broken, all, "each check has a defect");
}
