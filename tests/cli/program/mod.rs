//! The `hookpoint` command as a process: starting, ending, being killed, and what is left behind.

mod bookings;
mod customers;
mod keys;
mod lookup;
mod sources;
mod start_and_end;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{
    CLIENT_ID, ObjectKind, SimulatedData, SimulatorOptions, Simulators, omnilab,
};
use hookpoint::demo::webhook_signer::Secrets;

use crate::authority;

/// A directory that postgres can reach even when tests run as root, and that goes with the test.
struct Scratch(PathBuf);

fn scratch_base() -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let reachable = target
        .ancestors()
        .all(|dir| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0));
    if reachable { target.to_owned() } else { std::env::temp_dir() }
}

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let dir = scratch_base().join(format!(
            "hookpoint-process-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&dir).unwrap();
        clean_up_after_killed_tests();
        Self(dir)
    }

    fn settings(&self, more: &str) -> PathBuf {
        let file = self.0.join("hookpoint.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\n[console]\nlisten = \"\"\n[telemetry]\nformat = \"json\"\n[database]\ndata_dir = {:?}\n{more}\n[brands.shop]\n",
            self.0.join("data")
        );
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The Postgres that runs in here, if one does. A connection's process still bears its parent's command line in the
    /// moment in which it starts, so children of what was found don't count.
    fn postgres(&self) -> Vec<String> {
        let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&format!("-D {}", self.0.display())) {
                let status =
                    std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
                let parent = status
                    .lines()
                    .find_map(|line| line.strip_prefix("PPid:"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                found.insert(entry.file_name().to_string_lossy().into_owned(), (parent, line));
            }
        }
        found
            .values()
            .filter(|(parent, _)| !found.contains_key(parent))
            .map(|(_, line)| line.clone())
            .collect()
    }

    fn wait_for_no_postgres(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.postgres().is_empty() {
            assert!(Instant::now() < deadline, "left running: {:?}", self.postgres());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What tests that were killed left behind.
fn clean_up_after_killed_tests() {
    for entry in std::fs::read_dir(scratch_base()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("hookpoint-process-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| {
            Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists()
        }) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.postgres().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("HOOKPOINT_SETTINGS")
        .stdin(Stdio::null());
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    // Where no Postgres is installed, all tests share what is fetched once.
    command.env("HOOKPOINT_CACHE_DIR", scratch_base().join("postgres-binaries"));
    die_with_test(&mut command);
    command
}

/// A killed test takes its children with it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal must be asked for between fork and exec")]
fn die_with_test(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let ask = || {
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if asked == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure allocates nothing and calls only what may be called between fork and exec.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_test(_: &mut Command) {}

fn run(settings: &Path, arguments: &[&str]) -> Output {
    command(&["--settings", settings.to_str().unwrap()]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `serve` or `demo`; killed when the test ends.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn serve(settings: &Path) -> Self {
        let mut child = command(&["--settings", settings.to_str().unwrap(), "serve"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = first(lines, |line| {
            let value: serde_json::Value = serde_json::from_str(line).ok()?;
            (value["message"] == "ready").then(|| value["address"].as_str().unwrap().to_owned())
        });
        Self { child, address }
    }

    fn demo(temporary: &Path) -> Self {
        let mut child = command(&["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", temporary)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = first(lines, |line| {
            Some(line.split_once("curl 'http://")?.1.split_once('/')?.0.to_owned())
        });
        Self { child, address }
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn connect(&self, query: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            stream,
            "GET /omnidesk/customerlookup?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    fn ask(&self, query: &str) -> String {
        read(self.connect(query))
    }

    /// The webhook that tells of a booking.
    fn send_booking_webhook(&self, booking: &str) {
        let data = serde_json::json!({"external_id": "CONTACT-123", "booking": booking, "booking_status": "CONFIRMED"});
        let body = serde_json::json!({"type": "booking.created.v1", "timestamp": "2026-04-02T08:20:05.507Z", "data": data}).to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST /webhooks/shop/omnilab HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}",
            body.len()
        );
        write!(
            stream,
            "{head}\r\nContent-Type: application/json\r\nwebhook-id: msg_1\r\n\r\n{body}"
        )
        .unwrap();
        let answer = read(stream);
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
}

fn read(mut stream: TcpStream) -> String {
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// The first line that says what was looked for. The rest is read on, so that the process never waits for us.
fn first(
    lines: std::io::Lines<impl BufRead + Send + 'static>,
    find: impl Fn(&str) -> Option<String> + Send + 'static,
) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(found) = find(&line) {
                let _ = sender.send(found);
            }
        }
    });
    receiver.recv_timeout(Duration::from_secs(60)).expect("it never became ready")
}

fn key_of(settings: &Path) -> String {
    let output = run(settings, &["key", "create", "--brand", "shop"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
        .split_once("?key=")
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}
