//! The commands of Postgres: the server with its settings, and tools.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::binaries::{Binaries, RunAs};
use super::layout::Layout;
use super::socket::PORT;

/// The user of the database.
pub(super) const USER: &str = "hookpoint";

/// The server.
pub(super) fn postgres(
    binaries: &Binaries,
    cluster: &Path,
    socket_dir: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Command {
    let shared_buffers = format!("{}MB", layout.shared_buffers_megabytes);
    let mut command = tool(binaries, "postgres", run_as);
    command.arg("-D").arg(cluster).arg("-k").arg(socket_dir).args(["-p", &PORT.to_string()]);
    let mut settings = vec![
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("shared_buffers", shared_buffers.as_str()),
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

/// Has the kernel end the child when the thread that starts it ends.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal must be requested between fork and exec")]
pub(super) fn die_with_parent(command: &mut Command) {
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
pub(super) fn die_with_parent(_: &mut Command) {}

/// A setting whose value is a path.
pub(super) fn setting(name: &str, path: &Path) -> std::ffi::OsString {
    let mut setting = std::ffi::OsString::from(format!("{name}="));
    setting.push(path);
    setting
}

/// A program of Postgres, without this process's environment.
pub(super) fn tool(binaries: &Binaries, name: &str, run_as: Option<RunAs>) -> Command {
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
