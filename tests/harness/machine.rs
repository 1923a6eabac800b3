//! The machine of a measurement.

use std::path::Path;

/// Processor, cores, memory, kernel and Postgres with its memory in one line.
pub async fn describe(pool: &hookpoint::storage::pool::Pool) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (postgres, buffers): (String, String) =
        sqlx::query_as("select split_part(current_setting('server_version'), ' ', 1), current_setting('shared_buffers')")
            .fetch_one(pool)
            .await
            .unwrap();
    format!(
        "{}, {cores} cores, {} GB, Linux {}, Postgres {postgres} (shared_buffers {buffers})",
        named(&read("/proc/cpuinfo"), "model name"),
        memory_megabytes() / 1024,
        read("/proc/sys/kernel/osrelease").trim(),
    )
}

/// The memory of the machine.
///
/// # Panics
/// When the kernel does not tell.
pub fn memory_megabytes() -> u64 {
    let total = named(&read("/proc/meminfo"), "MemTotal");
    total.trim_end_matches(" kB").parse::<u64>().expect("the memory in kB") / 1024
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name: value`.
fn named(text: &str, name: &str) -> String {
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    value.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
}

/// Finds a program on the PATH, or among the programs of the distribution's Postgres.
#[expect(
    clippy::disallowed_methods,
    reason = "it looks for programs that a machine may have, not for settings"
)]
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let postgres = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let sbin = Path::new("/usr/sbin").to_owned();
    std::env::split_paths(&path)
        .chain(postgres)
        .chain([sbin])
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}
