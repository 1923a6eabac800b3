//! Starting, ending, being killed, and what is left behind.

use super::*;

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
    // It received the signal to end a while before the answer can be had.
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

#[test]
fn two_demos_run_side_by_side_and_leave_nothing() {
    let scratch = Scratch::new();
    let (mut one, mut other) = (Running::demo(&scratch.0), Running::demo(&scratch.0));
    assert_ne!(one.address, other.address);
    for demo in [&one, &other] {
        let response = demo.ask("key=demo&channelAddressType=phoneNumber&address=%2B31612312311");
        assert!(response.contains("thomas@example.org"), "{response}");
    }
    // An erasure in one demo must not erase the example customer in later demos.
    let erase = ["customer", "erase", "--email", "charlotte@example.com", "--yes"];
    let erases_in = |demo: &Path| {
        let settings = demo.join("hookpoint.toml");
        settings.exists() && run(&settings, &erase).status.success()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    let erased = loop {
        let mut demos = std::fs::read_dir(&scratch.0).unwrap().flatten().map(|demo| demo.path());
        if let Some(demo) = demos.find(|demo| erases_in(demo)) {
            break demo;
        }
        assert!(Instant::now() < deadline, "no demo has settings for commands");
    };
    assert!(erased.with_extension("suppressions.jsonl").exists(), "it goes with the demo");
    // The file says what runs, so other settings can be tried.
    let file = erased.join("hookpoint.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replace("drain_seconds = 0", "drain_seconds = 1")).unwrap();
    let reloaded = run(&file, &["reload"]);
    let said = text(&reloaded.stdout);
    assert!(reloaded.status.success(), "{said}{}", text(&reloaded.stderr));
    assert!(said.ends_with(": reloaded\n"), "nothing needs a restart: {said}");
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
fn mistakes_in_the_settings_end_with_exit_code_2_and_say_where() {
    let scratch = Scratch::new();
    let settings = scratch.settings("colour = 1");
    for arguments in [&["settings", "check"][..], &["serve"], &["key", "list"]] {
        let output = run(&settings, arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(
            message
                .contains("hookpoint.toml:10: database.colour: there is no setting `colour` here"),
            "{message}"
        );
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
    assert_eq!(output.status.code(), Some(75));
    assert!(
        message.contains("database 127.0.0.1:1/x (from DATABASE_URL): connection refused")
            && !message.contains("canary"),
        "{message}"
    );
}
