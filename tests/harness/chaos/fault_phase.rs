//! Starts and ends faults.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{Fault as VendorFault, Part, Simulators};

use super::replicas::Member;
use super::schedule::{Fault, OfReplica, OfServer, OfVendor, OfWire};
use crate::harness::Harness;
use crate::harness::process::{self, Held};
use crate::harness::report::Report;

/// Everything that a fault can affect.
pub struct FaultTargets<'a> {
    pub harness: &'a mut Harness,
    pub members: [Member; 2],
    pub simulators: &'a Simulators,
    /// The disk that can be filled.
    pub disk: Option<PathBuf>,
    held: Vec<Held>,
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
                    OfReplica::Killed => member.kill(),
                    OfReplica::Restarted => report.broken.extend(member.restart(false).await),
                    OfReplica::OtherSettings => report.broken.extend(member.restart(true).await),
                    OfReplica::Frozen => member.freeze(),
                    OfReplica::Clock(seconds) => member.set_clock(seconds),
                }
            }
            Fault::Wire(n, fault) => {
                let wire = &self.members[n].wire;
                match fault {
                    OfWire::Forgotten => wire.forget(),
                    OfWire::Silent => wire.fall_silent(),
                    OfWire::Slow(delay) => wire.slow_down(Duration::from_millis(u64::from(delay))),
                    OfWire::Cut => wire.cut(),
                }
            }
            Fault::Server(fault) => match fault {
                // The postmaster's supervisor starts it again.
                OfServer::Crashed => self
                    .harness
                    .postmaster()
                    .into_iter()
                    .for_each(|id| process::signal(id, libc::SIGKILL)),
                OfServer::Stopped => self.harness.stop_postgres().await,
                OfServer::Frozen => self.held = self.harness.hold_postgres(),
                OfServer::ReadOnly => self.set_read_only(true).await,
                OfServer::DiskFull => fill(self.disk.as_ref().unwrap()),
                OfServer::SessionsEnded => {
                    let all = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'";
                    self.administer(all).await;
                }
            },
            Fault::Vendor(fault) => {
                self.simulators.set_fault(Source::OmnioTap, Part::Api, Some(of_vendor(fault)));
            }
        }
    }

    pub async fn end(&mut self, fault: Fault, report: &mut Report) {
        match fault {
            Fault::Replica(n, fault) => {
                let member = &mut self.members[n];
                match fault {
                    OfReplica::Killed => member.may_start(),
                    OfReplica::Restarted => {}
                    OfReplica::OtherSettings => report.broken.extend(member.restart(false).await),
                    OfReplica::Frozen => member.thaw(),
                    OfReplica::Clock(_) => member.set_clock(0),
                }
            }
            Fault::Wire(n, _) => self.members[n].wire.heal(),
            Fault::Server(fault) => match fault {
                OfServer::Crashed | OfServer::SessionsEnded => {}
                OfServer::Stopped => self.harness.start_postgres().await,
                OfServer::Frozen => self.held.clear(),
                OfServer::ReadOnly => self.set_read_only(false).await,
                OfServer::DiskFull => empty(self.disk.as_ref().unwrap()),
            },
            Fault::Vendor(_) => self.simulators.set_fault(Source::OmnioTap, Part::Api, None),
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

fn of_vendor(fault: OfVendor) -> VendorFault {
    match fault {
        OfVendor::Silent => VendorFault::Silent,
        OfVendor::Unfinished => VendorFault::Unfinished,
        OfVendor::Endless => VendorFault::Endless,
        OfVendor::Slow => VendorFault::Slow(Duration::from_millis(1_500)),
        OfVendor::Throttles => VendorFault::TooMany(Some(5)),
        OfVendor::Fails => VendorFault::Status(500),
        OfVendor::Garbage => VendorFault::Garbage,
        OfVendor::Truncated => VendorFault::Truncated,
        OfVendor::Page => VendorFault::Html,
        OfVendor::Closed => VendorFault::Closed,
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
