//! `hookpoint health`: for containers, whose images have no program that could ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exit::Failure;
use super::output::{JsonArguments, print_json, print_plain};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    /// Address and port of the service. Default: server.listen in the settings
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Wait this long for the answer
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    #[command(flatten)]
    output: JsonArguments,
}

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;

/// Asks the service of this machine whether it is ready, prints its answer, and fails if it is not.
pub(super) async fn run(arguments: &HealthArguments, settings: &Settings) -> anyhow::Result<()> {
    let asked = arguments.address.as_ref().unwrap_or(&settings.file.server.listen);
    let address = service_address(asked).await?;
    let timeout = Duration::from_secs(arguments.timeout);
    let (body, problem) = match tokio::time::timeout(timeout, ask(address)).await {
        Ok(Ok(answer)) => {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            let is_ready = head.split(' ').nth(1) == Some("200");
            let problem = (!is_ready).then(|| format!("the service on {address} is not ready"));
            (Some(body.trim_end().to_owned()), problem)
        }
        Ok(Err(_)) => (None, Some(format!("the service on {address} does not answer"))),
        Err(_) => {
            let seconds = arguments.timeout;
            (None, Some(format!("no answer from {address} within {seconds} s")))
        }
    };
    if arguments.output.json {
        let answer: Option<Value> = body.and_then(|body| serde_json::from_str(&body).ok());
        let is_ready = problem.is_none();
        print_json(&json!({ "address": address, "is_ready": is_ready, "answer": answer }))?;
    } else if let Some(body) = body {
        print_plain(&body);
    }
    problem.map_or(Ok(()), |problem| Err(Failure::problem(problem).into()))
}

/// The address of a service on this machine that listens on this address and port.
pub(super) async fn service_address(listen: &str) -> Result<SocketAddr, Failure> {
    let addresses = tokio::net::lookup_host(listen).await.ok();
    let first = addresses.and_then(|mut addresses| addresses.next());
    let unknown = || Failure::mistake(format!("{listen} is not an address with a port"));
    first.map(reachable).ok_or_else(unknown)
}

/// A service that listens on every address is asked on the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
