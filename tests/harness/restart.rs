//! Checks that replicas behind a balancer can be restarted one after the other without a failed lookup.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::balancer::{Balancer, CHECK};
use super::client::Load;
use super::lookups::{LookupTarget, Lookups};
use super::process::Process;
use super::replica::{Replica, ReplicaSettings};
use super::report::{Report, Scale};
use super::{Harness, customers, machine};

const CUSTOMERS: u64 = 1_000;

/// The load balancer in front of the replicas.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LoadBalancer {
    Own,
    Haproxy,
}

pub async fn run(harness: &Harness, scale: Scale, load_balancer: LoadBalancer) -> Report {
    let name = if load_balancer == LoadBalancer::Own { "restart" } else { "restart_haproxy" };
    let shop = harness.shop(name).await;
    customers::load(&shop.database.pool, &shop.brand, CUSTOMERS).await;
    let replica_settings = ReplicaSettings::default()
        .lookup_deadline(scale.deadline)
        .with(|file| file.server.drain_seconds = 1);
    let mut replicas = Vec::new();
    for n in 0..2 {
        let replica =
            Replica::start(harness, &format!("{name}-{n}"), &replica_settings, &shop.url).await;
        // After a restart it must have the same address.
        let replica_settings = replica_settings.clone().at(replica.address);
        replicas.push((format!("{name}-{n}"), replica_settings, replica));
    }
    let addresses: Vec<SocketAddr> =
        replicas.iter().map(|(_, _, replica)| replica.address).collect();
    let (balancer, haproxy) = match load_balancer {
        LoadBalancer::Own => (Some(Balancer::start(addresses).await), None),
        LoadBalancer::Haproxy => (None, Some(Haproxy::start(harness, &addresses))),
    };
    let address = balancer
        .as_ref()
        .map(|balancer| balancer.address)
        .or(haproxy.as_ref().map(|haproxy| haproxy.address))
        .unwrap();
    // Wait for the balancer's first health check.
    let until_ready = async |replica| match &balancer {
        Some(balancer) => {
            while !balancer.is_ready(replica) {
                tokio::time::sleep(CHECK / 10).await;
            }
        }
        None => tokio::time::sleep(CHECK * 5).await,
    };
    until_ready(0).await;
    until_ready(1).await;
    let load = Load::at_rate(address, scale.lookups_per_second / 2, Duration::from_secs(3_600))
        .start(Lookups::new(LookupTarget::Each(CUSTOMERS)));
    let mut report = Report::default();
    let (begin, mut restarts) = (Instant::now(), 0);
    while begin.elapsed() < scale.duration {
        for (n, (name, replica_settings, replica)) in replicas.iter_mut().enumerate() {
            replica.process.terminate();
            let status = replica.process.end().await;
            if !status.success() {
                report.broken.push(format!("a replica ended with {status} after SIGTERM"));
            }
            *replica = Replica::start(harness, name, replica_settings, &shop.url).await;
            until_ready(n).await;
            restarts += 1;
        }
    }
    report.figure("restarts", restarts);
    report.expect_right("lookups meanwhile", &load.end().await.0);
    shop.database.close().await;
    report
}

/// haproxy, with usual settings.
struct Haproxy {
    _process: Process,
    address: SocketAddr,
}

impl Haproxy {
    fn start(harness: &Harness, replicas: &[SocketAddr]) -> Self {
        // A port that was free a moment ago.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let servers: String = replicas
            .iter()
            .enumerate()
            .map(|(n, replica)| format!("    server replica{n} {replica} check\n"))
            .collect();
        let settings = format!(
            "defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend omnidesk
    bind {address}
    default_backend hookpoint
backend hookpoint
    balance roundrobin
    option httpchk GET /health/ready
    default-server inter {} fall 1 rise 1
{servers}",
            CHECK.as_millis()
        );
        let file = harness.directory("haproxy").join("haproxy.cfg");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(machine::find_program("haproxy").unwrap());
        let process = Process::start(
            command
                .arg("-db")
                .arg("-f")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "haproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { _process: process, address }
    }
}
