//! Runs a test in a process of its own: global state of a process, such as its panic hook, cannot be shared with other
//! tests.

use std::process::{Command, Stdio};

const MARK: &str = "HOOKPOINT_TEST_CHILD";

/// Whether this is the process that [`run_alone`] started.
pub fn is_alone() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs a test again in its own process. Returns what it printed on both streams.
pub async fn run_alone(test: &'static str) -> String {
    let run = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(MARK, "1")
            .env("RUST_BACKTRACE", "full");
        command.stdin(Stdio::null()).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success() && printed.contains("1 passed"), "{test}: {printed}");
    printed
}
