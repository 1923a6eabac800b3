//! The server's process: creates the cluster, starts, watches and stops the server.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;

use super::access;
use super::binaries::{Binaries, RunAs, is_reachable, process_exists};
use super::socket::{PORT, SocketDir};
use super::{EmbeddedError, Layout, at};

const USER: &str = "hookpoint";
/// A start takes well under a second. Recovery after a crash may take longer.
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);

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
        prepare(layout, &socket_dir.path, run_as)?;
        if !cluster.join("PG_VERSION").exists() {
            make_cluster(binaries, &cluster, layout, run_as)?;
        }
        let found = std::fs::read_to_string(cluster.join("PG_VERSION"))
            .map_err(at(&cluster))?
            .trim()
            .to_owned();
        if found != binaries.major.to_string() {
            return Err(EmbeddedError::OtherVersion {
                dir: layout.data_dir.clone(),
                found,
                have: binaries.major,
            });
        }
        wait_for_the_one_before(&cluster);
        let rules = access::write(&cluster, USER, run_as)?;
        let log = layout.data_dir.join("postgres.log");
        let log_file = std::fs::File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&log);
        let log_file = log_file.map_err(at(&log))?;
        let mut command = postgres(binaries, &cluster, &socket_dir.path, layout, run_as);
        command
            .arg("-c")
            .arg(setting("hba_file", &rules.hba))
            .arg("-c")
            .arg(setting("ident_file", &rules.ident));
        command.stdout(Stdio::null()).stderr(log_file);
        let (orders, orders_taken) = mpsc::channel();
        let (started, start) = mpsc::channel();
        // The kernel's death signal depends on the thread that starts the child, so this thread lives as long
        // as the server.
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || own(&mut command, &started, &orders_taken));
        let thread = thread.map_err(at(&cluster))?;
        let pid = start
            .recv()
            .map_err(|_| {
                EmbeddedError::NotStarted(
                    "internal error: the thread that starts it ended; please report it".to_owned(),
                )
            })?
            .map_err(at(&binaries.dir))?;
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

/// The server of a killed service ends by itself, but not at once. Only this service uses the directory, so no
/// other server runs in it.
fn wait_for_the_one_before(cluster: &Path) {
    let deadline = Instant::now() + LONGEST_PAUSE;
    while Postmaster::read(cluster).is_some_and(|postmaster| process_exists(postmaster.pid))
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts the child and stays until the server must stop. A child that ends by itself is restarted: Postgres
/// recovers what was committed, and the pool opens new connections.
fn own(
    command: &mut Command,
    started: &mpsc::Sender<std::io::Result<u32>>,
    orders: &mpsc::Receiver<()>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(child.id()));
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        let Some(status) = watch(&mut child, orders) else { return end(&mut child) };
        tracing::error!(%status, "embedded Postgres ended unexpectedly; restarting it");
        pause = if since.elapsed() > LONGEST_PAUSE {
            FIRST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        // Child processes of the old server may still be running. If the restart fails for that reason, it is
        // repeated.
        if !matches!(orders.recv_timeout(pause), Err(mpsc::RecvTimeoutError::Timeout)) {
            return;
        }
        match command.spawn() {
            Ok(again) => child = again,
            Err(error) => {
                tracing::error!(kind = %error.kind(), "embedded Postgres could not be restarted")
            }
        }
    }
}

/// How long to wait before a restart: the more often the server ended, the longer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Waits until the child ended by itself (then returns its status), or until the server must stop.
fn watch(child: &mut Child, orders: &mpsc::Receiver<()>) -> Option<std::process::ExitStatus> {
    loop {
        match orders.recv_timeout(Duration::from_millis(100)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if let Ok(Some(status)) = child.try_wait() {
                    return Some(status);
                }
            }
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Fast shutdown first. If that takes too long, immediate shutdown; the next start then recovers.
fn end(child: &mut Child) {
    for (signal, timeout) in
        [(libc::SIGINT, STOP_DEADLINE), (libc::SIGQUIT, Duration::from_secs(5))]
    {
        signal_process(child.id(), signal);
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[expect(unsafe_code, reason = "std can only kill")]
fn signal_process(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: kill(2) takes no pointers; nobody has waited for the child yet, so the pid is still its own.
        let _ = unsafe { libc::kill(pid, signal) };
    }
}

fn postgres(
    binaries: &Binaries,
    cluster: &Path,
    socket_dir: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Command {
    let mut command = tool(binaries, "postgres", run_as);
    command.arg("-D").arg(cluster).arg("-k").arg(socket_dir).args(["-p", &PORT.to_string()]);
    let mut settings = vec![
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("shared_buffers", "64MB"),
        ("max_connections", "100"),
        ("jit", "off"),
        ("log_min_messages", "warning"),
        // Statements and error details can contain personal data.
        ("log_min_error_statement", "panic"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        // Plans contain the values of a statement. A log collector that writes CSV or JSON adds error details,
        // even with the terse setting.
        ("auto_explain.log_min_duration", "-1"),
        ("logging_collector", "off"),
    ];
    if !layout.durable {
        settings.extend([
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ]);
    }
    for (name, value) in settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    // Ctrl-C in a terminal reaches the whole process group, but the service must drain first.
    command.process_group(0);
    die_with_parent(&mut command);
    command
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal must be requested between fork and exec")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let ask = move || {
        // A shell may have started this process with SIGINT ignored, and the child would inherit that until it
        // sets its own handler.
        // SAFETY: signal, prctl and getppid are async-signal-safe and touch no memory of ours.
        let (asked, now) = unsafe {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT), libc::getppid())
        };
        if asked == -1 {
            return Err(std::io::Error::last_os_error());
        }
        // The parent may have ended before the signal was requested.
        if u32::try_from(now) == Ok(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: the closure allocates nothing and calls only functions that are allowed between fork and exec.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

fn setting(name: &str, path: &Path) -> std::ffi::OsString {
    let mut setting = std::ffi::OsString::from(format!("{name}="));
    setting.push(path);
    setting
}

fn tool(binaries: &Binaries, name: &str, run_as: Option<RunAs>) -> Command {
    let mut command = Command::new(binaries.dir.join(name));
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .current_dir("/");
    if let Some(RunAs { uid, gid }) = run_as {
        command.uid(uid).gid(gid);
    }
    command
}

fn prepare(layout: &Layout, socket_dir: &Path, run_as: Option<RunAs>) -> Result<(), EmbeddedError> {
    let cluster = layout.data_dir.join("cluster");
    // Other users may pass through this directory to their own subdirectories, but not list it.
    std::fs::set_permissions(&layout.data_dir, std::fs::Permissions::from_mode(0o711))
        .map_err(at(&layout.data_dir))?;
    for dir in [&cluster, socket_dir] {
        // The directory may belong to another user by now, so a link there must not be followed.
        if std::fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            return Err(at(dir)(std::io::Error::new(
                std::io::ErrorKind::NotADirectory,
                "this is a link or not a directory",
            )));
        }
        make_private(dir)?;
    }
    if let Some(user) = run_as {
        if !is_reachable(&cluster) {
            let source = std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                "Postgres refuses to run as root, and its own user cannot reach this directory: choose another `database.data_dir`",
            );
            return Err(EmbeddedError::File { path: layout.data_dir.clone(), source });
        }
        user.own_all(&cluster).map_err(at(&cluster))?;
        user.own(socket_dir).map_err(at(socket_dir))?;
    }
    Ok(())
}

fn make_private(dir: &Path) -> Result<(), EmbeddedError> {
    std::fs::create_dir_all(dir).map_err(at(dir))?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).map_err(at(dir))
}

/// Creates a cluster in a temporary directory and renames it at the end, so that an interrupted one is never
/// used.
fn make_cluster(
    binaries: &Binaries,
    cluster: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    const BEGUN: &str = "cluster-begun-";
    for entry in std::fs::read_dir(&layout.data_dir).map_err(at(&layout.data_dir))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(BEGUN) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let begun = layout.data_dir.join(format!("{BEGUN}{}", std::process::id()));
    make_private(&begun)?;
    if let Some(user) = run_as {
        user.own(&begun).map_err(at(&begun))?;
    }
    initdb(binaries, &begun, layout, run_as)?;
    std::fs::rename(&begun, cluster).map_err(at(cluster))?;
    if layout.durable {
        std::fs::File::open(&layout.data_dir)
            .and_then(|dir| dir.sync_all())
            .map_err(at(&layout.data_dir))?;
    }
    Ok(())
}

fn initdb(
    binaries: &Binaries,
    cluster: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    let mut command = tool(binaries, "initdb", run_as);
    die_with_parent(&mut command);
    command.arg("-D").arg(cluster).args([
        "-U",
        USER,
        "-A",
        "peer",
        "-E",
        "UTF8",
        "--locale=C",
        "--data-checksums",
    ]);
    if !layout.durable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(at(&binaries.dir))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(EmbeddedError::NotStarted(
        text.lines()
            .rev()
            .find(|line| line.contains("error"))
            .unwrap_or("initdb failed")
            .to_owned(),
    ))
}

fn options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(PORT)
        .username(USER)
        .database("postgres")
}

/// How to reach the server that runs on some data, if one does.
pub(super) fn running(data_dir: &Path) -> Option<PgConnectOptions> {
    let postmaster = Postmaster::read(&data_dir.join("cluster"))?;
    (postmaster.ready && process_exists(postmaster.pid)).then(|| options(&postmaster.socket_dir))
}

/// The content of `postmaster.pid` of a running server, one item a line: pid, directory, start, port, socket
/// directory, address, shared memory, status.
struct Postmaster {
    pid: u32,
    socket_dir: PathBuf,
    ready: bool,
}

impl Postmaster {
    fn read(cluster: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let socket_dir = PathBuf::from(lines.nth(3)?.trim());
        let ready = lines.nth(2).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, socket_dir, ready })
    }
}
