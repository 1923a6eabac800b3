//! The replicas, their settings and their clocks.

use super::*;

/// The size of the disk that the test fills.
const DISK: &str = "size=4g";

/// A brand whose people come from webhooks of one system's contacts.
pub(super) fn support() -> String {
    "[brands.support]\ncustom_fields = [{ name = \"brand\", value = \"support\" }, { name = \"version\", value = \"{{ omniotap.job_title }}\" }]\n"
        .to_owned()
}

/// A brand whose source is called through its API.
pub(super) fn demo(simulators: &Simulators) -> String {
    format!(
        "[brands.demo]
custom_fields = [{{ name = \"brand\", value = \"demo\" }}, {{ name = \"company\", value = \"{{{{ omniotap.company }}}}\" }}]
[brands.demo.sources.omniotap.webhook]
verification = \"signature\"
secrets = [{{ env = \"OMNIOTAP_SECRET\" }}]
[brands.demo.sources.omniotap.api]
base_url = \"{}\"
key = [{{ env = \"OMNIOTAP_API\" }}]
calls_per_minute = 60000
page_size = 100
[brands.demo.sources.omniotap.api.live]
when = \"unknown\"
negative_ttl_seconds = 1
",
        simulators.base_url(Source::OmnioTap)
    )
}

/// Mounts a disk of its own, in memory, on a directory.
pub(super) fn mount(directory: &Path) {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
        .arg(directory)
        .status()
        .unwrap();
    assert!(mounted.success(), "no disk of our own can be mounted");
}

pub(super) async fn start(
    harness: &Harness,
    n: usize,
    simulators: &Simulators,
    secrets: &Secrets,
) -> Member {
    let name = format!("chaos-{n}");
    let tables = [
        inbox::BRAND,
        &support(),
        &demo(simulators),
        &signing::settings("shop"),
        &signing::settings("support"),
    ]
    .concat();
    let mut environment = environment(secrets);
    environment.extend(signing::secrets());
    environment.extend(wrong_times(&replicas::clock_of(harness, &name)));
    let replica_settings = ReplicaSettings::of(TestSettings::parse(&tables))
        .lookup_deadline(DEADLINE)
        .with(|file| file.sync.lease_seconds = 5);
    let replica_settings = ReplicaSettings { environment, ..replica_settings };
    let other = replica_settings
        .settings
        .clone()
        .custom_field("company", "Company: {{ omniotap.company }}");
    Member::start(harness, &name, replica_settings, other, "chaos").await
}

/// The environment that makes a program read its clock's error from a file, if libfaketime is installed.
fn wrong_times(clock: &Path) -> Vec<(String, String)> {
    let Some(library) = faketime() else { return Vec::new() };
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        of("LD_PRELOAD", library),
        of("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string()),
        of("FAKETIME_CACHE_DURATION", "1"),
        of("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
}

/// The library that gives programs a wrong clock.
pub fn faketime() -> Option<&'static str> {
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|library| Path::new(library).exists())
}
