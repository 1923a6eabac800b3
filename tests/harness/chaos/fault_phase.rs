//! Starts and ends faults.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{Fault as SimulatorFault, Part, Simulators};

use super::replicas::Member;
use super::schedule::{Fault, NetworkFault, PostgresFault, ReplicaFault, SourceFault};
use crate::harness::Harness;
use crate::harness::process::{self, FrozenProcesses};
use crate::harness::report::Report;

/// Everything that a fault can affect.
pub struct FaultTargets<'a> {
    pub harness: &'a mut Harness,
    pub members: [Member; 2],
    pub simulators: &'a Simulators,
    /// The disk that can be filled.
    pub disk: Option<PathBuf>,
    held: Vec<FrozenProcesses>,
}

impl<'a> FaultTargets<'a> {
    pub const fn new(
        harness: &'a mut Harness,
        members: [Member; 2],
        simulators: &'a Simulators,
        disk: Option<PathBuf>,
    ) -> Self {
        Self { harness, members, simulators, disk, held: Vec::new() }
    }

    /// Restarts replicas that ended.
    pub fn watch(&mut self, report: &mut Report) {
        for member in &mut self.members {
            report.broken.extend(member.watch(self.harness));
        }
    }

    pub async fn begin(&mut self, fault: Fault, report: &mut Report) {
        match fault {
            Fault::Replica(n, fault) => {
                let member = &mut self.members[n];
                match fault {
                    ReplicaFault::Killed => member.kill(),
                    ReplicaFault::Restarted => report.broken.extend(member.restart(false).await),
                    ReplicaFault::OtherSettings => report.broken.extend(member.restart(true).await),
                    ReplicaFault::Frozen => member.freeze(),
                    ReplicaFault::Clock(seconds) => member.set_clock(seconds),
                }
            }
            Fault::Network(n, fault) => {
                let proxy = &self.members[n].proxy;
                match fault {
                    NetworkFault::Blackholed => proxy.blackhole(),
                    NetworkFault::Silent => proxy.fall_silent(),
                    NetworkFault::Slow(delay) => {
                        proxy.slow_down(Duration::from_millis(u64::from(delay)));
                    }
                    NetworkFault::Cut => proxy.cut(),
                }
            }
            Fault::Postgres(fault) => match fault {
                // The postmaster's supervisor starts it again.
                PostgresFault::Crashed => self
                    .harness
                    .postmaster()
                    .into_iter()
                    .for_each(|id| process::signal(id, libc::SIGKILL)),
                PostgresFault::Stopped => self.harness.stop_postgres().await,
                PostgresFault::Frozen => self.held = self.harness.freeze_postgres(),
                PostgresFault::ReadOnly => self.set_read_only(true).await,
                PostgresFault::DiskFull => fill(self.disk.as_ref().unwrap()),
                PostgresFault::SessionsEnded => {
                    let all = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'";
                    self.administer(all).await;
                }
            },
            Fault::Source(fault) => {
                self.simulators.set_fault(
                    Source::OmnioTap,
                    Part::Api,
                    Some(simulator_fault(fault)),
                );
            }
        }
    }

    pub async fn end(&mut self, fault: Fault, report: &mut Report) {
        match fault {
            Fault::Replica(n, fault) => {
                let member = &mut self.members[n];
                match fault {
                    ReplicaFault::Killed => member.may_start(),
                    ReplicaFault::Restarted => {}
                    ReplicaFault::OtherSettings => {
                        report.broken.extend(member.restart(false).await);
                    }
                    ReplicaFault::Frozen => member.thaw(),
                    ReplicaFault::Clock(_) => member.set_clock(0),
                }
            }
            Fault::Network(n, _) => self.members[n].proxy.heal(),
            Fault::Postgres(fault) => match fault {
                PostgresFault::Crashed | PostgresFault::SessionsEnded => {}
                PostgresFault::Stopped => self.harness.start_postgres().await,
                PostgresFault::Frozen => self.held.clear(),
                PostgresFault::ReadOnly => self.set_read_only(false).await,
                PostgresFault::DiskFull => empty(self.disk.as_ref().unwrap()),
            },
            Fault::Source(_) => self.simulators.set_fault(Source::OmnioTap, Part::Api, None),
        }
    }

    async fn set_read_only(&self, is_read_only: bool) {
        let setting = if is_read_only { "on" } else { "off" };
        self.administer(&format!("alter system set default_transaction_read_only = {setting}"))
            .await;
        self.administer("select pg_reload_conf()").await;
    }

    /// Executes a statement on Postgres directly. It retries, because Postgres may still be starting.
    async fn administer(&self, statement: &str) {
        use sqlx::Connection;
        for _ in 0..200 {
            let url = crate::harness::url_at(&self.harness.socket(), "postgres");
            if let Ok(mut connection) = sqlx::postgres::PgConnection::connect(&url).await
                && sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                    .execute(&mut connection)
                    .await
                    .is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Postgres did not execute: {statement}");
    }
}

fn simulator_fault(fault: SourceFault) -> SimulatorFault {
    match fault {
        SourceFault::Silent => SimulatorFault::Silent,
        SourceFault::Unfinished => SimulatorFault::Unfinished,
        SourceFault::Endless => SimulatorFault::Endless,
        SourceFault::Slow => SimulatorFault::Slow(Duration::from_millis(1_500)),
        SourceFault::Throttles => SimulatorFault::TooMany(Some(5)),
        SourceFault::Fails => SimulatorFault::Status(500),
        SourceFault::Garbage => SimulatorFault::Garbage,
        SourceFault::Truncated => SimulatorFault::Truncated,
        SourceFault::Page => SimulatorFault::Html,
        SourceFault::Closed => SimulatorFault::Closed,
    }
}

fn ballast(disk: &Path) -> PathBuf {
    disk.join("ballast")
}

/// Fills a disk completely.
fn fill(disk: &Path) {
    let free = Command::new("df").args(["--output=avail", "-BM"]).arg(disk).output().unwrap();
    let free: u64 = String::from_utf8_lossy(&free.stdout)
        .lines()
        .last()
        .unwrap()
        .trim()
        .trim_end_matches('M')
        .parse()
        .unwrap();
    // Most of it at once, then the rest in small pieces.
    let most = format!("{}M", free.saturating_sub(8).max(1));
    let _ = Command::new("fallocate")
        .args(["-l", &most])
        .arg(ballast(disk))
        .stderr(Stdio::null())
        .status();
    let mut file = std::fs::File::options().create(true).append(true).open(ballast(disk)).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

fn empty(disk: &Path) {
    let _ = std::fs::remove_file(ballast(disk));
}
