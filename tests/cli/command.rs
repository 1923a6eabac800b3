//! The command as a process, and directories that go with the test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing takes as long on the busiest machine.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// A directory that every user can reach, and that goes with the test.
pub struct Scratch(pub PathBuf);

const PREFIX: &str = "hookpoint-local-";

/// Short wherever the tests are, so that sockets fit in it.
const BASE: &str = "/tmp";

/// Where fetched Postgres binaries are kept, for all tests.
pub fn binaries() -> PathBuf {
    crate::cluster::scratch().join("postgres-binaries")
}

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let dir = Path::new(BASE).join(format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&dir).unwrap();
        clean_up_after_killed_tests();
        Self(dir)
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        let dir = self.0.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// A file of ours.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    /// A settings file of a service with an embedded Postgres.
    pub fn settings(&self, data_dir: &Path, more: &str) -> PathBuf {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\ndrain_seconds = 0\n[console]\nlisten = \"\"\n[telemetry]\nformat = \"json\"\n
[lookup]\ndeadline_ms = 20000\n[database]\ndata_dir = {data_dir:?}\n[erasure]\nsuppression_file = {:?}\n{more}\n[brands.shop]\n",
            self.0.join("suppressions.jsonl")
        );
        self.file("hookpoint.toml", &text, 0o644)
    }

    fn has_servers(&self) -> bool {
        let is_ours = |line: &[u8]| {
            String::from_utf8_lossy(line)
                .replace('\0', " ")
                .contains(&format!("-D {}", self.0.display()))
        };
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
            .any(|line| is_ours(&line))
    }
}

/// What tests that were killed left behind.
fn clean_up_after_killed_tests() {
    for entry in std::fs::read_dir(BASE).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| {
            Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists()
        }) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let deadline = Instant::now() + TIMEOUT;
        while self.has_servers() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The command, as a person at this machine has it.
pub fn command(settings: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.arg("--settings").arg(settings).args(arguments).stdin(Stdio::null());
    command
        .env_remove("DATABASE_URL")
        .env_remove("HOOKPOINT_SETTINGS")
        .env_remove("SUDO_USER")
        .env("USER", "lotte");
    command.env("HOOKPOINT_CACHE_DIR", binaries());
    die_with_test(&mut command);
    command
}

/// A killed test takes its children with it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal must be asked for between fork and exec")]
pub fn die_with_test(command: &mut Command) {
    let ask = || {
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if asked == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure allocates nothing and calls only what may be called between fork and exec.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
pub fn die_with_test(_: &mut Command) {}

/// What a command that ended printed.
#[derive(Debug)]
pub struct RunEnd {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

/// Runs a command that ends by itself.
pub fn run(command: &mut Command) -> RunEnd {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8(bytes).expect("what it prints is text")
        })
    };
    let (out, error) = (
        read(Box::new(child.stdout.take().unwrap())),
        read(Box::new(child.stderr.take().unwrap())),
    );
    let code = wait(&mut child).code();
    RunEnd { code, out: out.join().unwrap(), error: error.join().unwrap() }
}

impl RunEnd {
    /// What it printed; it went well.
    pub fn well(self) -> String {
        assert_eq!((self.code, self.error.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running `serve` or `demo`; killed when the test ends.
pub struct Running {
    pub child: Child,
    pub address: String,
    /// What it has printed so far.
    lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// A service that is ready.
    pub fn serve(command: &mut Command) -> Self {
        let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        Self::until(
            child,
            |child| Box::new(child.stderr.take().unwrap()),
            |line| {
                let value: serde_json::Value = serde_json::from_str(line).ok()?;
                (value["message"] == "ready").then(|| value["address"].as_str().unwrap().to_owned())
            },
        )
    }

    /// A demo that says what to ask it.
    pub fn demo(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self::until(
            child,
            |child| Box::new(child.stdout.take().unwrap()),
            |line| Some(line.split_once("curl 'http://")?.1.split_once('/')?.0.to_owned()),
        )
    }

    /// Any command that has said something.
    pub fn after_output(command: &mut Command, wanted: &'static str) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self::until(
            child,
            |child| Box::new(child.stdout.take().unwrap()),
            move |line| line.contains(wanted).then(String::new),
        )
    }

    /// Its lines are read on, so that it never waits for us.
    fn until(
        child: Child,
        output: impl Fn(&mut Child) -> Box<dyn Read + Send>,
        find: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Self {
        let mut running = Self { child, address: String::new(), lines: Arc::default() };
        let lines = BufReader::new(output(&mut running.child)).lines();
        let (sender, receiver) = std::sync::mpsc::channel();
        let output_lines = Arc::clone(&running.lines);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(found) = find(&line) {
                    let _ = sender.send(found);
                }
                output_lines.lock().unwrap().push(line);
            }
        });
        running.address = receiver.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
            panic!("it never became ready: {:#?}", running.lines.lock().unwrap())
        });
        running
    }

    /// Whether it handles SIGTERM already. Until then the signal kills it at once.
    fn handles_signals(&self) -> bool {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
        else {
            return true;
        };
        let caught = status
            .lines()
            .find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
        caught.is_none_or(|caught| caught & (1 << (libc::SIGTERM - 1)) != 0)
    }

    /// Waits until it has printed a text in this many lines. Returns all that it has printed.
    pub fn until_lines(&self, wanted: &str, number: usize) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let lines = self.lines.lock().unwrap().clone();
            if lines.iter().filter(|line| line.contains(wanted)).count() >= number {
                return lines.join("\n");
            }
            assert!(Instant::now() < deadline, "never {wanted}: {lines:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as a supervisor does.
    pub fn stop(mut self) {
        let deadline = Instant::now() + TIMEOUT;
        while !self.handles_signals() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(
            Command::new("kill")
                .args(["-TERM", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert!(wait(&mut self.child).success());
    }
}

/// Whether a service gets ready, and doesn't end before.
pub fn starts(command: &mut Command) -> bool {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let is_ready = lines.any(|line| line.contains("\"message\":\"ready\""));
    let _ = child.kill();
    child.wait().unwrap();
    is_ready
}

/// Whose this process is.
pub fn our_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// A user of the system, by name: uid and gid.
pub fn user(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<&str> = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == name)?;
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}

/// The permissions of what is at a path, not of what a link leads to.
pub fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The names in a directory.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
