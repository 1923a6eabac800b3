//! The examination of hookpoints from outside: it passes this service, finds each defect of others, and prints no
//! secret and no person.

#[path = "../../upstream/authority.rs"]
#[allow(dead_code, reason = "only a part of it is needed")]
mod authority;
mod broken_hookpoint;
mod defects;
mod privacy;
mod this_service;
mod tls;

use std::process::{Command, Stdio};
use std::time::Duration;

use hookpoint::doctor::contract::{Examination, Options, Target, TestCustomer, examine, ids};
use hookpoint::doctor::finding::{Finding, Verdict};

use self::broken_hookpoint::{BrokenHookpoint, CUSTOMER_EMAIL, CUSTOMER_PHONE, ORDER};
use crate::support::{ENDLESS, KEY, TestApp};

/// No answer is too slow, however busy the machine is.
fn options() -> Options {
    Options { timeout: ENDLESS, pause: Duration::ZERO, slow_after: ENDLESS, only: None }
}

fn test_customer() -> TestCustomer {
    TestCustomer {
        email: Some(CUSTOMER_EMAIL.to_owned()),
        phone: Some(CUSTOMER_PHONE.to_owned()),
        id: Some(ORDER.to_owned()),
    }
}

/// Runs a command that ends by itself: its exit code, and what it prints.
async fn output_of(mut command: Command) -> (Option<i32>, String, String) {
    let run = move || command.stdin(Stdio::null()).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The findings that are not "pass".
fn others(examination: &Examination) -> Vec<(&'static str, Verdict)> {
    let others = examination.findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    others.map(|finding| (finding.id, finding.verdict)).collect()
}

#[tokio::test]
async fn this_service_passes_every_check() {
    let app = TestApp::demo().await;
    let url = format!("http://{}/omnidesk/customerlookup?key={KEY}", app.application.address);
    let target = Target::parse(&url, None, "key").unwrap();
    let customer = TestCustomer {
        email: Some("thomas@example.org".to_owned()),
        phone: Some("+31612312311".to_owned()),
        id: Some("NL-2026-00042".to_owned()),
    };
    let examination = examine(&target, &customer, &options()).await.unwrap();
    // The service is on this machine, without TLS.
    let skipped = [("https", Verdict::Skipped), ("certificate", Verdict::Skipped)];
    assert_eq!(others(&examination), skipped, "{:#?}", examination.findings);
    assert_eq!(examination.findings.iter().map(|it| it.id).collect::<Vec<_>>(), ids());
    assert!((60..=80).contains(&examination.requests), "{}", examination.requests);
    app.stop().await;
}

#[tokio::test]
async fn without_a_test_customer_the_checks_of_customers_are_skipped() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let nobody = TestCustomer::default();
    let examination = examine(&hookpoint.target(), &nobody, &options()).await.unwrap();
    let is_of_customer = |finding: &&Finding| finding.seen.contains("add --email");
    assert_eq!(examination.findings.iter().filter(is_of_customer).count(), 21);
    assert!(examination.findings.iter().all(|it| it.verdict != Verdict::Fail));
}

#[tokio::test]
async fn one_check_can_be_chosen() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let only = Options { only: Some("phone-00".to_owned()), ..options() };
    let examination = examine(&hookpoint.target(), &test_customer(), &only).await.unwrap();
    let found: Vec<_> = examination.findings.iter().map(|it| (it.id, it.verdict)).collect();
    assert_eq!(found, [("phone-00", Verdict::Pass)]);
    assert_eq!(examination.requests, 2);
}

/// The verdict of a check that is chosen, and the number of requests.
async fn chosen(hookpoint: &BrokenHookpoint, id: &str) -> (Verdict, usize) {
    let only = Options { only: Some(id.to_owned()), ..options() };
    let examination = examine(&hookpoint.target(), &test_customer(), &only).await.unwrap();
    assert_eq!(examination.findings.len(), 1, "{:#?}", examination.findings);
    (examination.findings[0].verdict, examination.requests)
}

#[tokio::test]
async fn a_check_of_all_requests_sends_them_and_sees_an_error() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let (verdict, requests) = chosen(&hookpoint, "error-without-key").await;
    assert_eq!(verdict, Verdict::Pass);
    assert!(requests > 50, "{requests}");
    let without_errors = BrokenHookpoint::start(Some(|_, response| response.status = 200)).await;
    let (verdict, _) = chosen(&without_errors, "error-without-key").await;
    assert_eq!(verdict, Verdict::Skipped);
    let overloaded = BrokenHookpoint::start(Some(|_, response| response.status = 503)).await;
    assert_eq!(chosen(&overloaded, "key-accepted").await.0, Verdict::Skipped);
}

#[tokio::test]
async fn the_test_customer_is_not_sent_in_clear() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let url = hookpoint.url().replace("127.0.0.1", "0.0.0.0");
    let target = Target::parse(&url, None, "key").unwrap();
    let examination = examine(&target, &test_customer(), &options()).await.unwrap();
    let is_withheld = |finding: &&Finding| finding.seen == "needs https";
    assert_eq!(examination.findings.iter().filter(is_withheld).count(), 21);
}
