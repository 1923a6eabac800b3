//! A cluster of three Postgres servers with Patroni and etcd, all on the loopback. Its primary can be killed, frozen or
//! cut off, and Patroni promotes another one. The service reaches each server through a proxy, and so does each Patroni
//! reach etcd. The servers reach each other directly.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::faulty_proxy::{FaultyProxy, ProxyTarget};
use super::machine::find_program;
use super::process::{FrozenProcesses, Process, signal};
use super::{Harness, process};

/// The number of servers.
const NODES: usize = 3;

/// User and password of the superuser, and of the service.
pub const ROOT: &str = "postgres:harness-root";
pub const SERVICE: &str = "hookpoint:harness-service";

/// The timeout of every wait.
pub const TIMEOUT: Duration = Duration::from_secs(120);

/// The timeout of the query whether a server accepts writes, and the pause before the next query.
const LISTEN: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(25);

/// The minimum of Patroni: a primary that is silent for this long is replaced.
const LEASE_SECONDS: u32 = 20;

/// The required programs.
const PROGRAMS: [&str; 3] = ["etcd", "patroni", "pg_rewind"];

/// Ends every process in the cluster's directory when the test drops the cluster or is killed.
const KEEPER: &str = r#"read -r _
for round in 1 2 3; do
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$0/*" 2>/dev/null | cut -d/ -f3 | xargs -r kill -KILL 2>/dev/null
    sleep 0.1
done
rm -rf "$0""#;

/// A running cluster. Everything is removed when it is dropped.
pub struct Cluster {
    nodes: Vec<Node>,
    keeper: Child,
    _etcd: Process,
}

/// A Patroni with its Postgres.
struct Node {
    directory: PathBuf,
    port: u16,
    patroni: Option<Process>,
    to_postgres: FaultyProxy,
    to_etcd: FaultyProxy,
}

/// A required program that is not installed.
pub fn missing() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| find_program(program).is_none())
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port below the range of outgoing connections, so that a restarted server gets the same one again.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind(at(port)).is_ok() {
            return port;
        }
    }
}

/// The user that runs everything, because Postgres refuses to run as root.
fn user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user =
        users.lines().find_map(|line| line.strip_prefix("postgres:")).expect("a user postgres");
    let mut ids = user.split(':').skip(1).map(|id| id.parse().unwrap());
    Some((ids.next().unwrap(), ids.next().unwrap()))
}

fn make_directory(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    if let Some((uid, gid)) = user() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// A program with its working directory in the cluster's directory, by which it is found, and with its log there.
fn program(name: &str, directory: &Path) -> Command {
    let log =
        std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = Command::new(find_program(name).unwrap());
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", directory)
        .current_dir(directory);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

fn start_etcd(directory: &Path) -> (Process, SocketAddr) {
    make_directory(directory);
    let [clients, peers] = [free_port(), free_port()];
    let [clients_url, peers_url] = [clients, peers].map(|port| format!("http://{}", at(port)));
    let mut command = program("etcd", directory);
    command.args([
        "--name",
        "harness",
        "--data-dir",
        "data",
        "--initial-cluster",
        &format!("harness={peers_url}"),
    ]);
    command.args(["--listen-client-urls", &clients_url, "--advertise-client-urls", &clients_url]);
    command.args(["--listen-peer-urls", &peers_url, "--initial-advertise-peer-urls", &peers_url]);
    (Process::start(&mut command), at(clients))
}

impl Node {
    async fn make(n: usize, directory: PathBuf, etcd: SocketAddr) -> Self {
        make_directory(&directory);
        let (port, rest) = (free_port(), free_port());
        let node = Self {
            port,
            patroni: None,
            to_postgres: FaultyProxy::start(ProxyTarget::Tcp(at(port))).await,
            to_etcd: FaultyProxy::start(ProxyTarget::Tcp(etcd)).await,
            directory,
        };
        std::fs::write(node.directory.join("patroni.yml"), node.settings(n, rest)).unwrap();
        node
    }

    /// With `synchronous_mode`, no acknowledged write is lost with the primary.
    fn settings(&self, n: usize, rest: u16) -> String {
        let (etcd, directory, postgres, rest) =
            (self.to_etcd.address, self.directory.display(), at(self.port), at(rest));
        let binaries = find_program("pg_rewind").unwrap();
        let binaries = binaries.parent().unwrap().display();
        let (root, password) = ROOT.split_once(':').unwrap();
        format!(
            r#"scope: harness
name: node{n}
restapi: {{ listen: "{rest}", connect_address: "{rest}" }}
etcd3: {{ hosts: ["{etcd}"], use_proxies: true }}
bootstrap:
  dcs:
    ttl: {LEASE_SECONDS}
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {{ max_connections: 200, shared_buffers: 64MB, wal_keep_size: 512MB, max_wal_size: 512MB }}
  initdb: [{{ encoding: UTF8 }}, {{ locale: C }}, data-checksums]
postgresql:
  listen: "{postgres}"
  connect_address: "{postgres}"
  data_dir: {directory}/data
  bin_dir: {binaries}
  pgpass: {directory}/pgpass
  authentication:
    superuser: {{ username: {root}, password: {password} }}
    replication: {{ username: replicator, password: harness-replication }}
  basebackup: [{{ checkpoint: fast }}]
  parameters: {{ unix_socket_directories: "" }}
  pg_hba:
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication replicator 127.0.0.1/32 scram-sha-256
"#
        )
    }

    fn start(&mut self) {
        let settings = self.directory.join("patroni.yml");
        self.patroni = Some(Process::start(program("patroni", &self.directory).arg(settings)));
    }

    /// Its processes, parents first.
    fn processes(&self) -> Vec<u32> {
        let postmaster =
            std::fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
        let postmaster: Option<u32> = postmaster.lines().next().and_then(|id| id.parse().ok());
        let patroni = self.patroni.as_ref().map(Process::id);
        let mut all = process::working_in(&self.directory);
        all.sort_by_key(|id| (Some(*id) != patroni, Some(*id) != postmaster));
        all
    }

    /// The URL of a database, for a user, without the proxy.
    fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@{}/{database}", at(self.port))
    }

    async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::from_str(&self.url(ROOT, database))?
            .disable_statement_logging()
            .connect()
            .await
    }

    /// Repeats a write until it succeeds.
    async fn until_it_takes_writes(&self) -> Instant {
        let mut connection = None;
        loop {
            let write = async {
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => self.connect("postgres").await.ok()?,
                };
                let written =
                    sqlx::raw_sql("create table if not exists asked (at timestamptz); insert into asked values (now())").execute(&mut open).await;
                let is_written = written.is_ok();
                // A standby refuses writes, and may be promoted until the next attempt.
                connection = (is_written
                    || written.is_err_and(|error| error.as_database_error().is_some()))
                .then_some(open);
                is_written.then_some(())
            };
            if let Ok(Some(())) = tokio::time::timeout(LISTEN, write).await {
                return Instant::now();
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl Cluster {
    /// Starts a cluster, and waits until there are a primary and two standbys that follow it.
    pub async fn start(harness: &Harness) -> Self {
        let directory = harness.directory("patroni").canonicalize().unwrap();
        let mut keeper = Command::new("sh");
        // Ctrl-C must not end it before it has cleaned up.
        keeper.args(["-c", KEEPER]).arg(&directory).current_dir("/").process_group(0);
        let keeper = keeper
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (etcd, address) = start_etcd(&directory.join("etcd"));
        let mut cluster = Self { nodes: Vec::new(), keeper, _etcd: etcd };
        let deadline = Instant::now() + TIMEOUT;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < deadline, "etcd does not listen");
            tokio::time::sleep(AGAIN).await;
        }
        for n in 0..NODES {
            let mut node = Node::make(n, directory.join(format!("node{n}")), address).await;
            node.start();
            cluster.nodes.push(node);
        }
        let (primary, _) = cluster.primary_but(None).await.expect("a primary");
        assert!(cluster.becomes_whole(primary).await, "the others do not follow");
        cluster
    }

    /// Creates a database for the service on the primary.
    pub async fn make_database(&self, primary: usize, name: &str) {
        let mut connection = self.nodes[primary].connect("postgres").await.unwrap();
        let (user, password) = SERVICE.split_once(':').unwrap();
        for statement in [
            format!("create role {user} login password '{password}'"),
            format!("create database {name} owner {user}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
    }

    /// The URL of a database on one of the servers, without the proxy.
    pub fn url(&self, node: usize, user: &str, database: &str) -> String {
        self.nodes[node].url(user, database)
    }

    /// Connects to a database on one of the servers as superuser, without the proxy.
    pub async fn connect(&self, node: usize, database: &str) -> Result<PgConnection, sqlx::Error> {
        self.nodes[node].connect(database).await
    }

    /// The service's URL of a database: all servers through the proxies, so that it finds the primary.
    pub fn service_url(&self, database: &str) -> String {
        let hosts: Vec<String> =
            self.nodes.iter().map(|node| node.to_postgres.address.to_string()).collect();
        format!("postgres://{SERVICE}@{}/{database}", hosts.join(","))
    }

    /// The server, other than the given one, that accepts writes, and since when. They are queried without the proxy.
    pub async fn primary_but(&self, one: Option<usize>) -> Option<(usize, Instant)> {
        let nodes = self.nodes.iter().enumerate().filter(|(n, _)| Some(*n) != one);
        let mut asked: FuturesUnordered<_> =
            nodes.map(|(n, node)| async move { (n, node.until_it_takes_writes().await) }).collect();
        tokio::time::timeout(TIMEOUT, asked.next()).await.ok().flatten()
    }

    /// Waits until two standbys follow the primary, one of them synchronously.
    pub async fn becomes_whole(&self, primary: usize) -> bool {
        let query = "select count(*) filter (where state = 'streaming') = 2 and bool_or(sync_state = 'sync') from pg_stat_replication";
        let is_whole = async || {
            let mut connection = self.nodes[primary].connect("postgres").await.ok()?;
            let (is_whole,): (Option<bool>,) =
                sqlx::query_as(query).fetch_one(&mut connection).await.ok()?;
            let _ = connection.close().await;
            is_whole
        };
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Ok(Some(true)) = tokio::time::timeout(LISTEN, is_whole()).await {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(AGAIN * 10).await;
        }
    }

    /// Kills a node: Patroni and Postgres with all their processes.
    pub fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        loop {
            let processes = node.processes();
            processes.iter().for_each(|id| signal(*id, libc::SIGKILL));
            // A child process exists until it is waited for.
            drop(node.patroni.take());
            if processes.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a killed node again.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].start();
    }

    /// Freezes all processes of a node, until the result is dropped.
    pub fn freeze(&self, node: usize) -> Vec<FrozenProcesses> {
        let mut held: Vec<FrozenProcesses> = Vec::new();
        let mut frozen = Vec::new();
        // First the two that start others.
        for first in [2, usize::MAX] {
            let next: Vec<u32> = self.nodes[node]
                .processes()
                .into_iter()
                .filter(|id| !frozen.contains(id))
                .take(first)
                .collect();
            held.push(FrozenProcesses::freeze(&next));
            frozen.extend(next);
        }
        held
    }

    /// Cuts a node off from the service and from etcd. The connections are not closed.
    pub fn cut_off(&self, node: usize) {
        self.wires(node).for_each(FaultyProxy::fall_silent);
    }

    /// Ends [`cut_off`](Self::cut_off).
    pub fn heal(&self, node: usize) {
        self.wires(node).for_each(FaultyProxy::heal);
    }

    fn wires(&self, node: usize) -> impl Iterator<Item = &FaultyProxy> {
        [&self.nodes[node].to_postgres, &self.nodes[node].to_etcd].into_iter()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
