//! The server: starts it, waits until it is ready, and stops it.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;

use super::access;
use super::binaries::{Binaries, RunAs, process_exists};
use super::child::{MAX_PAUSE, own};
use super::cluster;
use super::command::{USER, postgres, setting};
use super::error::{EmbeddedError, at};
use super::layout::Layout;
use super::postmaster::{Postmaster, options};
use super::socket::SocketDir;

/// A start takes well under a second. Recovery after a crash may take longer.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A server process with the thread that owns it.
#[derive(Debug)]
pub(super) struct Server {
    socket_dir: SocketDir,
    orders: mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(layout: &Layout, binaries: &Binaries) -> Result<Self, EmbeddedError> {
        let run_as = RunAs::choose(layout.durable)?;
        let cluster = layout.data_dir.join("cluster");
        let socket_dir = SocketDir::choose(&layout.data_dir)?;
        cluster::prepare(layout, &socket_dir.path, run_as)?;
        cluster::open(binaries, &cluster, layout, run_as)?;
        wait_for_the_one_before(&cluster);
        let rules = access::write(&cluster, USER, run_as)?;
        let log = layout.data_dir.join("postgres.log");
        let mut command = postgres(binaries, &cluster, &socket_dir.path, layout, run_as);
        command
            .arg("-c")
            .arg(setting("hba_file", &rules.hba))
            .arg("-c")
            .arg(setting("ident_file", &rules.ident));
        command.stdout(Stdio::null()).stderr(open_log(&log)?);
        let OwnedChild { orders, thread, pid } = OwnedChild::start(command, binaries, &cluster)?;
        let mut server = Self { socket_dir, orders, thread: Some(thread) };
        if let Err(error) = server.wait_until_ready(&cluster, pid, &log) {
            server.stop();
            return Err(error);
        }
        Ok(server)
    }

    /// The server is ready when `postmaster.pid` says so, and the file is this child's.
    fn wait_until_ready(&self, cluster: &Path, pid: u32, log: &Path) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if Postmaster::read(cluster)
                .is_some_and(|postmaster| postmaster.pid == pid && postmaster.ready)
            {
                return Ok(());
            }
            if !process_exists(pid) || Instant::now() > deadline {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let last = text
                    .lines()
                    .rev()
                    .find(|line| line.contains("FATAL") || line.contains("ERROR"))
                    .or_else(|| text.lines().last());
                return Err(EmbeddedError::NotStarted(
                    last.unwrap_or("it logged no reason").to_owned(),
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        options(&self.socket_dir.path)
    }

    pub(super) fn stop(&mut self) {
        let _ = self.orders.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A child process, and the thread that owns it.
struct OwnedChild {
    orders: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
    pid: u32,
}

impl OwnedChild {
    /// The kernel's death signal depends on the thread that starts the child, so this thread lives as long as the
    /// server.
    fn start(
        mut command: Command,
        binaries: &Binaries,
        cluster: &Path,
    ) -> Result<Self, EmbeddedError> {
        let (orders, orders_taken) = mpsc::channel();
        let (started, start) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || own(&mut command, &started, &orders_taken))
            .map_err(at(cluster))?;
        let pid = start
            .recv()
            .map_err(|_| {
                EmbeddedError::NotStarted(
                    "internal error: the thread that starts it ended; please report it".to_owned(),
                )
            })?
            .map_err(at(&binaries.dir))?;
        Ok(Self { orders, thread, pid })
    }
}

fn open_log(log: &Path) -> Result<File, EmbeddedError> {
    File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(log)
        .map_err(at(log))
}

/// The server of a killed service ends by itself, but not at once. Only this service uses the directory, so no
/// other server runs in it.
fn wait_for_the_one_before(cluster: &Path) {
    let deadline = Instant::now() + MAX_PAUSE;
    while Postmaster::read(cluster).is_some_and(|postmaster| process_exists(postmaster.pid))
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(20));
    }
}
