//! The command prints no key and no person, also if the hookpoint repeats them everywhere.

use std::process::Command;

use serde_json::json;

use super::broken_hookpoint::{KEY, customer};
use super::*;

/// Examines a hookpoint with the command.
async fn doctor(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.arg("doctor").args(arguments);
    output_of(command).await
}

/// The arguments for a hookpoint, with the test customer.
fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let customer = ["--email", CUSTOMER_EMAIL, "--phone", CUSTOMER_PHONE, "--id", ORDER];
    [&[url, "--pause", "0", "--timeout", "120", "--slow-after", "600000"], &customer[..], more]
        .concat()
}

/// Secrets and people of the tests.
fn assert_is_private(text: &str) {
    let lower = text.to_lowercase();
    for secret in
        ["canary", "thomas", "lukkien", "31612312311", "2019000000000124", "customerlookup"]
    {
        assert!(!lower.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_sound_hookpoint_passes_and_the_output_fits_a_terminal() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let url = hookpoint.url();
    let (code, out, error) = doctor(&arguments(&url, &[])).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let checked = ids().len() - 2;
    let summary = format!("\n{checked} passed, 0 warnings, 0 failed, 2 skipped; ");
    assert!(out.contains(&summary), "{out}");
    assert_is_private(&out);
    let (code, out, _) = doctor(&arguments(&url, &["--json"])).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["passed"], &report["failed"]), (Some(0), &json!(checked), &json!(0)));
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(ids().len()));
    assert_is_private(&out);
}

#[tokio::test]
async fn a_hookpoint_that_repeats_everything_does_not_get_into_the_output() {
    let hookpoint = BrokenHookpoint::start(Some(|request, response| {
        let query = percent_encoding::percent_decode_str(&request.query).decode_utf8_lossy();
        let printable: String = query.chars().filter(|c| c.is_ascii_graphic()).collect();
        response.set("Content-Type", &printable);
        response.set("Allow", &printable);
        response.remove("Cache-Control");
        if response.status != 200 {
            response.body = format!("Exception: {query}");
        } else {
            let mut other = customer();
            other[CUSTOMER_EMAIL] = json!(CUSTOMER_EMAIL);
            other["addresses"][0] = json!({"address": CUSTOMER_PHONE, "type": CUSTOMER_EMAIL});
            other["timeline"][0] = json!({CUSTOMER_EMAIL: CUSTOMER_EMAIL, "url": CUSTOMER_EMAIL});
            response.body = json!([other, query]).to_string();
        }
    }))
    .await;
    let url = hookpoint.url();
    for more in [&[][..], &["--json"], &["--only", "timeline-links"]] {
        let (code, out, error) = doctor(&arguments(&url, more)).await;
        assert_eq!(code, Some(3), "{out}{error}");
        assert!(error.contains("failed\n"), "{error}");
        assert!(out.lines().all(|line| more == ["--json"] || line.chars().count() <= 80), "{out}");
        assert_is_private(&out);
        assert_is_private(&error);
    }
}

#[tokio::test]
async fn mistakes_in_the_arguments_are_explained_without_them() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let url = hookpoint.url();
    let without_key = url.split_once('?').unwrap().0;
    for (arguments, why) in [
        (&["canary?key=canary"][..], "the URL is malformed"),
        (&[without_key], "the key is missing"),
        (&[&url, "--key", "canary"], "several keys"),
        (&[&url, "--phone", "canary"], "--phone is not a phone number"),
        (&[without_key, "--key-file", "/nonexistent/canary"], "--key-file cannot be read"),
        (&[&url, "--only", "x"], "there is no check x; the checks are https, "),
    ] {
        let (code, out, error) = doctor(arguments).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains(why) && !error.contains("canary"), "{error}");
    }
    let given = doctor(&[without_key, "--key", KEY, "--only", "phone-00"]).await;
    assert_eq!((given.0, given.2.as_str()), (Some(0), ""), "{}", given.1);
    let file = crate::support::scratch().join(format!("doctor-key-{}", std::process::id()));
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let of_file =
        doctor(&[without_key, "--key-file", file.to_str().unwrap(), "--only", "array"]).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!((of_file.0, of_file.2.as_str()), (Some(0), ""), "{}", of_file.1);
}
