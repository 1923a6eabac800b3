//! The webhook endpoints as sources use them: over HTTP, with signatures that the tests create.

mod bodies;
mod http;
mod outage;
mod rejected;
mod replayed;
mod url;
mod verification;
pub mod webhook_requests;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use hookpoint::customer::model::source::Source;

use crate::support::{ENDLESS, Response, TestApp, TestSettings, written};

/// Settings with the demo's endpoints. The test applies the webhooks.
fn receiving() -> TestSettings {
    // The default tolerance, which the demo overrides.
    TestSettings::demo()
        .without_inbox_workers()
        .sources(|sources| sources.omnilab.webhook.tolerance_seconds = 300)
}

/// An application with the demo's endpoints.
pub async fn receiver() -> TestApp {
    TestApp::start_with(receiving()).await
}

/// A line of settings that names these secrets.
pub fn secrets(source: Source, all: &[&str]) -> String {
    let list: Vec<String> =
        all.iter().map(|secret| format!("{{ env = \"{}\" }}", written(source, secret))).collect();
    format!("secrets = [{}]", list.join(", "))
}

fn is_acknowledged(response: &Response) {
    assert_eq!(
        (response.status, response.body.as_str()),
        (202, ""),
        "{} {}",
        response.head,
        response.body
    );
}

fn is_unverified(response: &Response) {
    assert_eq!(
        (response.status, response.code().as_str()),
        (401, "webhook-unverified"),
        "{} {}",
        response.head,
        response.body
    );
}

fn is_to_be_sent_again(response: &Response, code: &str) {
    assert_eq!(
        (response.status, response.code().as_str()),
        (503, code),
        "{} {}",
        response.head,
        response.body
    );
    assert!(
        response
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)),
        "{}",
        response.head
    );
}

/// Sends bytes over a connection that may stay open, and never closes its own side. Returns the response, and whether
/// the service closed the connection.
async fn talk(address: SocketAddr, request: Vec<u8>) -> (String, bool) {
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(ENDLESS)).unwrap();
        let _ = stream.write_all(&request);
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes);
        let is_open = ended.is_err_and(|error| {
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        });
        (String::from_utf8(bytes).unwrap(), !is_open)
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}
