//! Child processes that never outlive the test.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running child process. It is killed when it is dropped, or when the test is killed.
pub struct Process(Child);

impl Process {
    /// Starts a child process. The kernel's death signal is tied to the calling thread, so that thread must stay alive.
    pub fn start(command: &mut Command) -> Self {
        die_with_us(command);
        Self(command.spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn stdout(&mut self) -> std::process::ChildStdout {
        self.0.stdout.take().unwrap()
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Sends SIGTERM, as an operator would.
    pub fn terminate(&self) {
        signal(self.id(), libc::SIGTERM);
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// The processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        // The name may contain blanks. After it, user and system time are the 12th and 13th field, in hundredths of a
        // second.
        let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        Duration::from_millis(ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
    }

    /// Waits until it has ended.
    pub async fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A value of `/proc/PID/status` in bytes: `VmRSS` is the current memory, `VmHWM` the maximum.
    pub fn memory(&self, figure: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kilobytes| kilobytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Processes that are stopped until this is dropped. A shell continues them, also if the test is killed.
pub struct FrozenProcesses(Child);

impl FrozenProcesses {
    pub fn freeze(ids: &[u32]) -> Self {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let script = format!("kill -STOP {0}; echo held; read -r _; kill -CONT {0}", ids.join(" "));
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = command.spawn().unwrap();
        shell.stdout.take().unwrap().read_exact(&mut [0; 5]).unwrap();
        Self(shell)
    }
}

impl Drop for FrozenProcesses {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The child processes of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let ids = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.lines().any(|line| {
            line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string())
        })
    };
    ids.filter(is_child).collect()
}

/// The processes whose working directory is this directory, or below it.
pub fn working_in(directory: &Path) -> Vec<u32> {
    let ids = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        std::fs::read_link(format!("/proc/{id}/cwd"))
            .is_ok_and(|working| working.starts_with(directory))
    })
    .collect()
}

/// A command that starts a program. A launcher is another program with its arguments, such as valgrind, that runs it;
/// without one, it starts by itself.
pub fn launched(launcher: &[String], program: impl AsRef<OsStr>) -> Command {
    let Some((first, arguments)) = launcher.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(arguments).arg(program);
    command
}

/// Sends a signal to a process, if it still exists.
#[expect(unsafe_code, reason = "std can only kill, and only its own children")]
pub fn signal(id: u32, signal: i32) {
    // SAFETY: kill(2) takes no pointers.
    let _ = unsafe { libc::kill(i32::try_from(id).unwrap(), signal) };
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal must be set between fork and exec")]
fn die_with_us(command: &mut Command) {
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
fn die_with_us(_: &mut Command) {}
