//! The server as a child process: starts it, restarts it when it ends by itself, and ends it.

use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::backoff::exponential_backoff;

const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Starts the child and stays until the server must stop. A child that ends by itself is restarted: Postgres
/// recovers what was committed, and the pool opens new connections.
pub(super) fn own(
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
    let mut quick_ends: u32 = 0;
    loop {
        let since = Instant::now();
        let Some(status) = watch(&mut child, orders) else { return end(&mut child) };
        tracing::error!(%status, "embedded Postgres ended unexpectedly; restarting it");
        quick_ends = if since.elapsed() > MAX_PAUSE { 0 } else { quick_ends.saturating_add(1) };
        let pause = exponential_backoff(FIRST_PAUSE, MAX_PAUSE, quick_ends);
        // Child processes of the old server may still be running. If the restart fails for that reason, it is
        // repeated.
        if !matches!(orders.recv_timeout(pause), Err(mpsc::RecvTimeoutError::Timeout)) {
            return;
        }
        match command.spawn() {
            Ok(again) => child = again,
            Err(error) => {
                tracing::error!(kind = %error.kind(), "embedded Postgres could not be restarted; trying again");
            }
        }
    }
}

/// The first and the longest pause before a restart. It grows while each server ends soon after its start.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(5);

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
