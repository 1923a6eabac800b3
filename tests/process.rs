//! The `hookpoint` command as a process: starting, ending, being killed, and what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::disallowed_methods
)]

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
use hookpoint::demo::systems::{CLIENT_ID, ObjectKind, SystemOptions, Systems, World, omnilab};
use hookpoint::demo::webhook_signer::Secrets;

#[path = "upstream/authority.rs"]
#[allow(dead_code, reason = "of the accounts' tests, this needs only who vouches for a host")]
mod authority;

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
        sweep_killed_tests();
        Self(dir)
    }

    fn settings(&self, more: &str) -> PathBuf {
        let file = self.0.join("hookpoint.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\n[telemetry]\nformat = \"json\"\n[database]\ndata_dir = {:?}\n{more}\n[brands.shop]\n",
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
fn sweep_killed_tests() {
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

const QUERY: &str = "channelAddressType=email&address=nobody%40example.org";

#[test]
fn sigterm_finishes_the_request_in_flight_and_data_survives_sigkill() {
    let scratch = Scratch::new();
    let settings = scratch.settings("[lookup]\ndeadline_ms = 60000");
    let mut service = Running::serve(&settings);
    // Commands work beside the running service, on its own server.
    let key = key_of(&settings);
    let query = format!("key={key}&{QUERY}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !service.ask(&query).starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "the new key is not known: {}", service.ask(&query));
    }
    let held = HeldAnswers::hold(&scratch);
    let in_flight =
        service.connect(&format!("key={key}&channelAddressType=email&address=held%40example.org"));
    held.until_awaited();
    service.signal("TERM");
    // It has been told to end for a while before the answer can be had.
    std::thread::sleep(Duration::from_secs(1));
    held.release();
    let response = read(in_flight);
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("[]"), "{response}");
    assert!(service.wait().success());
    scratch.wait_for_no_postgres();

    let mut again = Running::serve(&settings);
    assert!(again.ask(&query).starts_with("HTTP/1.1 200"), "the key survived");
    assert_eq!(scratch.postgres().len(), 1);
    again.signal("KILL");
    again.wait();
    scratch.wait_for_no_postgres();

    let third = Running::serve(&settings);
    assert!(third.ask(&query).starts_with("HTTP/1.1 200"), "restarting on the same data works");
    // A Postgres that is killed comes back by itself.
    let postmaster =
        std::fs::read_to_string(scratch.0.join("data/cluster/postmaster.pid")).unwrap();
    let pid = postmaster.lines().next().unwrap().to_owned();
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(60);
    let cold = format!("key={key}&channelAddressType=email&address=cold%40example.org");
    while !third.ask(&cold).starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "it did not come back");
    }
    // A second service on the same data is refused with words.
    let second = run(&settings, &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("is in use by another hookpoint"),
        "{}",
        text(&second.stderr)
    );
    third.signal("INT");
}

#[test]
fn a_first_start_that_is_killed_while_postgres_is_made_keeps_nobody_from_starting_again() {
    let scratch = Scratch::new();
    let settings = scratch.settings("");
    for signal in ["KILL", "TERM"] {
        let mut child = command(&["--settings", settings.to_str().unwrap(), "serve"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        // It is among the first things that are written.
        while !clusters(&scratch).iter().any(|cluster| cluster.join("PG_VERSION").exists()) {
            assert!(Instant::now() < deadline, "no Postgres is made");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        child.wait().unwrap();
        assert!(
            !scratch.0.join("data/cluster/PG_VERSION").exists(),
            "it was killed too late to say anything"
        );
    }
    let service = Running::serve(&settings);
    let key = key_of(&settings);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !service.ask(&format!("key={key}&{QUERY}")).starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "it does not answer");
    }
    assert_eq!(clusters(&scratch).len(), 1, "what was begun is not kept");
    service.signal("INT");
}

/// What is, or begins to be, a Postgres's data.
fn clusters(scratch: &Scratch) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(scratch.0.join("data")).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("cluster"))
        .map(|entry| entry.path())
        .collect()
}

/// A lock on the answers, for which lookups wait.
struct HeldAnswers {
    runtime: tokio::runtime::Runtime,
    pool: sqlx::PgPool,
    lock: sqlx::Transaction<'static, sqlx::Postgres>,
}

impl HeldAnswers {
    fn hold(scratch: &Scratch) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (pool, lock) = runtime.block_on(async {
            let options = sqlx::postgres::PgConnectOptions::new()
                .socket(scratch.0.join("data/run"))
                .username("hookpoint")
                .database("postgres");
            let pool = sqlx::PgPool::connect_with(options).await.unwrap();
            let mut lock = pool.begin().await.unwrap();
            sqlx::query("lock table answers in access exclusive mode")
                .execute(&mut *lock)
                .await
                .unwrap();
            (pool, lock)
        });
        Self { runtime, pool, lock }
    }

    /// Waits until a lookup waits for the lock.
    fn until_awaited(&self) {
        let awaited = "select exists (select from pg_stat_activity where wait_event_type = 'Lock')";
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self
            .runtime
            .block_on(sqlx::query_scalar::<_, bool>(awaited).fetch_one(&self.pool))
            .unwrap()
        {
            assert!(Instant::now() < deadline, "no lookup waits");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn release(self) {
        let Self { runtime, pool, lock } = self;
        runtime.block_on(async {
            lock.rollback().await.unwrap();
            pool.close().await;
        });
    }
}

/// Two people whom a source told of, and one delivery about each.
fn insert_people(scratch: &Scratch) {
    let socket = scratch.0.join("data/run");
    let insert = async {
        let options = sqlx::postgres::PgConnectOptions::new()
            .socket(socket)
            .username("hookpoint")
            .database("postgres");
        let pool = sqlx::PgPool::connect_with(options).await.unwrap();
        for (id, first) in [("crm-1", "Anna"), ("crm-2", "Bert")] {
            let value =
                |value: &str| serde_json::json!({"at": "2026-01-01T00:00:00Z", "value": value});
            let mail = format!("{}@example.org", first.to_lowercase());
            let fields = serde_json::json!({"name.first": value(first), "email.main": value(&mail), "phone.main": value("+31612312311")});
            let state = serde_json::json!({"fields": fields, "first_at": "2026-01-01T00:00:00Z", "asserted_at": "2026-01-01T00:00:00Z"});
            let insert = "insert into records select brand_id, 'omniotap.contact:' || $1, $2::json, true from brands";
            sqlx::query(insert).bind(id).bind(state.to_string()).execute(&pool).await.unwrap();
            let insert =
                "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
                select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{}', $1, now(), 1, 'dead', now(), now() from brands";
            sqlx::query(insert)
                .bind(format!("not json {mail}").into_bytes())
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(insert);
}

#[test]
fn customers_are_exported_erased_and_taken_back_beside_the_service() {
    let scratch = Scratch::new();
    let ledger = scratch.0.join("suppressions.jsonl");
    let settings = scratch.settings(&format!("[erasure]\nsuppression_file = {ledger:?}"));
    let service = Running::serve(&settings);
    let key = key_of(&settings);
    insert_people(&scratch);
    let run = |arguments: &[&str]| {
        let output = run(&settings, arguments);
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(run(&["rebuild"]).0, 0);
    let lookup = |email: &str| {
        let query = format!("key={key}&channelAddressType=email&address={email}");
        let response = service.ask(&query);
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert!(lookup("anna%40example.org").contains("Anna"));
    let bert = lookup("bert%40example.org");
    // Whom it is about must be one.
    let (code, out, error) = run(&["customer", "erase", "--phone", "06-12312311", "--yes"]);
    assert_eq!(code, 1);
    assert!(
        out.contains("anna@example.org") && out.contains("key         omniotap.contact:crm-2"),
        "{out}"
    );
    assert!(error.contains("choose one: --id"), "{error}");
    assert_eq!(
        run(&["customer", "erase", "--email", "nobody@example.org", "--yes"]),
        (1, String::new(), "hookpoint: nobody matches\n".to_owned())
    );
    let (code, out, error) = run(&["customer", "erase", "--email", "anna@example.org"]);
    assert!(code == 1 && out.contains("Anna") && error.contains("add --yes"), "{out}{error}");
    assert!(lookup("anna%40example.org").contains("Anna") && !ledger.exists());

    let (code, out, _) = run(&["customer", "export", "--email", "anna@example.org"]);
    let export: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, export["records"][0]["key"].as_str()), (0, Some("omniotap.contact:crm-1")));
    assert_eq!(
        export["records"][0]["state"]["fields"]["name.first"],
        serde_json::json!({"at": "2026-01-01T00:00:00Z", "value": "Anna"})
    );
    assert_eq!(export["deliveries"].as_array().map(Vec::len), Some(1));
    assert_eq!(export["deliveries"][0]["body"], "not json anna@example.org");

    let (code, out, error) = run(&["customer", "erase", "--id", "omniotap.contact:crm-1", "--yes"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let receipt = out.split_once("Erased.").unwrap().1;
    assert!(
        receipt.contains("records         1\n")
            && receipt.contains("deliveries      1\n")
            && receipt.contains("brand           shop\n"),
        "{out}"
    );
    assert!(
        !receipt.contains("anna") && !receipt.contains("Anna") && !receipt.contains("crm-1"),
        "{out}"
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    while lookup("anna%40example.org") != "[]" {
        assert!(Instant::now() < deadline, "still remembered");
    }
    assert_eq!(lookup("bert%40example.org"), bert);
    assert!(!std::fs::read_to_string(&ledger).unwrap().contains("anna"));

    assert_eq!(run(&["customer", "revoke-erasure", "--email", "bert@example.org"]).0, 1);
    assert_eq!(run(&["customer", "revoke-erasure", "--email", "anna@example.org"]).0, 0);
    assert_eq!(
        run(&["customer", "export", "--email", "anna@example.org"]),
        (1, String::new(), "hookpoint: nobody matches\n".to_owned())
    );
}

#[test]
fn two_demos_run_side_by_side_and_leave_nothing() {
    let scratch = Scratch::new();
    let (mut one, mut other) = (Running::demo(&scratch.0), Running::demo(&scratch.0));
    assert_ne!(one.address, other.address);
    for demo in [&one, &other] {
        let response = demo.ask("key=demo&channelAddressType=phoneNumber&address=%2B31612312311");
        assert!(response.contains("thomas@example.org"), "{response}");
    }
    one.signal("INT");
    assert!(one.wait().success());
    assert!(
        other.ask("key=demo&primaryID=NL-2026-00042").contains("thomas@example.org"),
        "the other goes on"
    );
    other.signal("TERM");
    assert!(other.wait().success());
    scratch.wait_for_no_postgres();
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 0, "no directory is left");
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let scratch = Scratch::new();
    let settings = scratch.settings("");
    let key = key_of(&settings);
    assert!(key.starts_with("hkp_") && key.len() == 47);
    let list = text(&run(&settings, &["key", "list"]).stdout);
    assert!(list.contains("shop") && list.contains("valid") && !list.contains(&key), "{list}");
    let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(run(&settings, &["key", "revoke", &id]).status.success());
    assert!(text(&run(&settings, &["key", "list"]).stdout).contains("revoked"));
    let wrong = run(&settings, &["key", "create", "--brand", "other"]);
    assert!(
        !wrong.status.success() && text(&wrong.stderr).contains("brands: shop"),
        "{}",
        text(&wrong.stderr)
    );
    let brands = text(&run(&settings, &["brand", "list"]).stdout);
    assert!(brands.contains("shop"), "{brands}");
    let nobody = run(&settings, &["lookup", "--email", "nobody@example.org"]);
    assert_eq!((nobody.status.success(), text(&nobody.stdout).trim()), (true, "Nobody matches."));
    assert_eq!(
        text(&run(&settings, &["lookup", "--phone", "06 12312311", "--json"]).stdout).trim(),
        "[]"
    );
    assert_eq!(
        text(&run(&settings, &["lookup", "--id", "42", "--why"]).stdout).trim(),
        "Nobody matches."
    );
    assert_eq!(
        text(&run(&settings, &["rebuild"]).stdout).trim(),
        "shop: 0 records processed, 0 customers new or changed."
    );
    let wrong = run(&settings, &["rebuild", "--brand", "other"]);
    assert!(
        !wrong.status.success() && text(&wrong.stderr).contains("brands: shop"),
        "{}",
        text(&wrong.stderr)
    );
    scratch.wait_for_no_postgres();
}

#[test]
fn a_booking_is_cancelled_by_a_command_that_asks_first_and_keeps_who_wanted_it() {
    let scratch = Scratch::new();
    let cancel = [
        "booking",
        "cancel",
        "--booking",
        "bk_1",
        "--by",
        "Femke",
        "--reason",
        "the customer is ill",
    ];
    let refused = |settings: &Path, arguments: &[&str], why: &str| {
        let output = run(settings, arguments);
        assert!(
            !output.status.success() && text(&output.stderr).contains(why),
            "{}",
            text(&output.stderr)
        );
    };
    let settings = scratch.settings("");
    refused(
        &settings,
        &cancel,
        "cancelling bookings is off: set sources.omnilab.api.cancel_bookings = true to allow it",
    );
    refused(&settings, &cancel[..6], "--reason");
    refused(
        &scratch.settings("[brands.shop.sources.omnilab.api]\ncancel_bookings = true\n"),
        &cancel,
        "client_secret: is needed to call the API",
    );

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let world = Arc::new(World::new(Clock::system()));
    let booking = serde_json::json!({"booking": "bk_1", "booking_status": "CONFIRMED", "booked_at": "2026-04-02T08:20:05Z",
        "participant": {"external_id": "CONTACT-123"}});
    world.put(ObjectKind::Appointment, booking);
    let systems = Systems::start(
        Arc::clone(&world),
        &Secrets::known(),
        SystemOptions::default(),
        Clock::system(),
    )
    .unwrap();
    let secret = scratch.0.join("secret");
    std::fs::write(&secret, Secrets::known().of_api(Source::OmniLab)).unwrap();
    let settings = scratch.settings(&format!(
        "[brands.shop.sources.omnilab.api]\nbase_url = \"{}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = [{{ file = {secret:?} }}]
audience = \"{}\"\ncancel_bookings = true\n[brands.shop.sources.omnilab.webhook]\nverification = \"none\"\n",
        systems.base_url(Source::OmniLab),
        omnilab::AUDIENCE
    ));
    let at_once = [&cancel[..], &["--yes"]].concat();
    refused(&settings, &at_once, "the booking is not stored here");
    let mut service = Running::serve(&settings);
    service.send_booking_webhook("bk_1");
    let deadline = Instant::now() + Duration::from_secs(60);
    while text(&run(&settings, &cancel).stderr).contains("not stored here") {
        assert!(Instant::now() < deadline, "the webhook is not applied");
    }
    refused(&settings, &cancel, "cannot ask for confirmation");
    assert_eq!(
        text(&run(&settings, &["booking", "actions"]).stdout).trim(),
        "No bookings were cancelled through hookpoint."
    );
    let done = run(&settings, &at_once);
    assert!(
        done.status.success() && text(&done.stdout).contains("\nCancelled.\n"),
        "{} {}",
        text(&done.stdout),
        text(&done.stderr)
    );
    assert_eq!(world.get(ObjectKind::Appointment, "bk_1").unwrap()["booking_status"], "CANCELLED");
    let again = run(&settings, &at_once);
    assert!(
        again.status.success() && text(&again.stdout).contains("The booking is already cancelled"),
        "{} {}",
        text(&again.stdout),
        text(&again.stderr)
    );
    let actions = text(&run(&settings, &["booking", "actions"]).stdout);
    assert_eq!(actions.matches("cancel booking").count(), 1, "{actions}");
    assert!(
        actions.contains("shop  omnilab  cancel booking #")
            && actions.contains("  cancelled\n    by Femke: the customer is ill"),
        "{actions}"
    );
    assert!(!actions.contains("bk_1"), "{actions}");
    service.signal("TERM");
    assert!(service.wait().success());
    runtime.block_on(systems.stop());
    scratch.wait_for_no_postgres();
}

/// A source on this machine that has nobody, and how often it was asked.
fn secret_source(authority: &authority::Authority) -> (String, Arc<AtomicUsize>) {
    let (listener, greeting) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        authority.greeting(authority::SOUND, "http/1.1"),
    );
    let url = format!("https://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = rustls::StreamOwned::new(
                rustls::ServerConnection::new(Arc::clone(&greeting)).unwrap(),
                stream,
            );
            // Whoever doesn't trust it says nothing.
            if stream.read(&mut [0; 8192]).is_ok_and(|read| read > 0) {
                counted.fetch_add(1, Ordering::SeqCst);
                let body = "{\"data\":[]}";
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        }
    });
    (url, asked)
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_the_environment_names_it() {
    let (scratch, authority) = (Scratch::new(), authority::Authority::new());
    let (url, asked) = secret_source(&authority);
    let key = scratch.0.join("key");
    std::fs::write(&key, "the-key-of-the-tests").unwrap();
    let file = scratch.settings(&format!(
        "[brands.shop.sources.omniotap.api]\nbase_url = \"{url}\"\nkey = [{{ file = {key:?} }}]"
    ));
    let arguments = |words: &'static str| {
        [vec!["--settings", file.to_str().unwrap()], words.split(' ').collect()].concat()
    };
    let status = || text(&command(&arguments("sync status")).output().unwrap().stdout);
    let mut service = Running::serve(&file);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !status().contains(
        "the TLS certificate of the source is not trusted: no trusted authority has issued it",
    ) {
        assert!(Instant::now() < deadline, "{}", status());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody gets the key who isn't trusted");
    service.signal("TERM");
    assert!(service.wait().success());
    scratch.wait_for_no_postgres();

    let certificates = scratch.0.join("authorities");
    std::fs::create_dir(&certificates).unwrap();
    let certificate = certificates.join("ours.pem");
    let encoded = base64::engine::general_purpose::STANDARD.encode(authority.der());
    std::fs::write(
        &certificate,
        format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n"),
    )
    .unwrap();
    for (n, (variable, place)) in
        [("SSL_CERT_FILE", &certificate), ("SSL_CERT_DIR", &certificates)].into_iter().enumerate()
    {
        let walked = command(&arguments("sync run --stream contacts"))
            .env(variable, place)
            .output()
            .unwrap();
        assert!(walked.status.success(), "{variable}: {}", text(&walked.stderr));
        assert_eq!(asked.load(Ordering::SeqCst), n + 1);
    }
    scratch.wait_for_no_postgres();
}

#[test]
fn walking_through_a_source_that_is_down_says_so_and_ends_when_told() {
    let scratch = Scratch::new();
    let secret = scratch.0.join("secret");
    std::fs::write(&secret, Secrets::known().of_api(Source::OmnioTap)).unwrap();
    // Nobody listens there.
    let account = format!(
        "[brands.shop.sources.omniotap.api]\nbase_url = \"http://127.0.0.1:9\"\nkey = [{{ file = {secret:?} }}]\n"
    );
    let settings = scratch.settings(&account);
    // The second finds that nobody has it.
    for signal in ["TERM", "INT"] {
        let mut child = command(&["--settings", settings.to_str().unwrap(), "sync", "run"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut walking = Running { child, address: String::new() };
        first(lines, |line| {
            (line == "shop omniotap contacts: waiting: the source cannot be reached, or the connection broke").then(String::new)
        });
        walking.signal(signal);
        assert!(walking.wait().success());
    }
    scratch.wait_for_no_postgres();
}

#[test]
fn mistakes_in_the_settings_end_with_exit_code_2_and_say_where() {
    let scratch = Scratch::new();
    let settings = scratch.settings("colour = 1");
    for arguments in [&["settings", "check"][..], &["serve"], &["key", "list"]] {
        let output = run(&settings, arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(message.contains("hookpoint.toml:8: database.colour: unknown field"), "{message}");
    }
    let right = run(&scratch.settings(""), &["settings", "check"]);
    assert!(right.status.success() && text(&right.stdout).contains("shop"));
}

#[test]
fn a_server_of_ones_own_is_used_where_a_url_names_it() {
    let output = command(&["migrate"])
        .env("DATABASE_URL", "postgres://nobody:canary-password@127.0.0.1:1/x")
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("database: connection") && !message.contains("canary"), "{message}");
}
