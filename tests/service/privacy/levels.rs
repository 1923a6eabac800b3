//! The program as operators run it, at every log level.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hookpoint::settings::file::{LogFormat, TelemetrySettings};
use hookpoint::storage::database::Place;

use super::webhooks::{self, everything, send_webhooks, signatures};
use super::{HEADERS, SECRET_KEY, app_with_canaries, queries, while_it_hangs};
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{TestApp, TestSettings, scratch, send};

/// `hookpoint serve` on the database of a test's application. It is killed when the test ends.
struct Served {
    child: Child,
    address: SocketAddr,
    metrics: SocketAddr,
    directory: PathBuf,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Served {
    fn start(app: &TestApp, level: &str, format: LogFormat) -> Self {
        let Place::Server(url) = &app.place else { panic!("tests share a server") };
        let (address, metrics) = (free_address(), free_address());
        let directory =
            scratch().join(format!("hookpoint-level-{level}-{format:?}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let settings = webhooks::webhook_settings().lookup_deadline_ms(300).with(|file| {
            file.server.listen = address.to_string();
            file.server.metrics_listen = metrics.to_string();
            file.telemetry =
                TelemetrySettings { format, level: level.to_owned(), ..Default::default() };
        });
        std::fs::write(directory.join("hookpoint.toml"), settings.text()).unwrap();
        let out = std::fs::File::create(directory.join("out")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command
            .arg("--settings")
            .arg(directory.join("hookpoint.toml"))
            .arg("serve")
            .env("DATABASE_URL", &url.0)
            .env("RUST_BACKTRACE", "full");
        command.envs(webhooks::environment());
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, address, metrics, directory }
    }

    async fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "it does not listen: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.join("out")).unwrap()
    }

    async fn stop(&mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn ask(served: &Served, queries: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for query in queries {
        statuses.push(
            send(served.address, "GET", &format!("/omnidesk/customerlookup?{query}"), &HEADERS)
                .await
                .status,
        );
    }
    statuses
}

#[tokio::test]
async fn at_no_level_and_in_no_format_the_program_names_anybody() {
    let app = app_with_canaries(TestSettings::demo()).await;
    for (level, format) in [
        ("error", LogFormat::Json),
        ("warn", LogFormat::Human),
        ("info", LogFormat::Human),
        ("debug", LogFormat::Json),
        ("trace", LogFormat::Human),
        ("trace", LogFormat::Json),
    ] {
        let mut served = Served::start(&app, level, format);
        served.wait_until_it_listens().await;
        let mut statuses = ask(&served, &queries("")).await;
        let at = jiff::Timestamp::now();
        statuses.extend(send_webhooks(served.address, &format!("{level}-{format:?}"), at).await);
        statuses.extend(while_it_hangs(&app, ask(&served, &queries("8")[..3])).await);
        cut(&app).await;
        statuses.extend(ask(&served, &queries("9")).await);
        statuses
            .extend(send_webhooks(served.address, &format!("{level}-{format:?}-later"), at).await);
        restore(&app).await;
        let metrics =
            send(served.metrics, "GET", &format!("/metrics?key={SECRET_KEY}"), &HEADERS).await;
        served.stop().await;
        assert!(
            [200, 202, 400, 401, 413, 500, 503].iter().all(|status| statuses.contains(status)),
            "{level}: {statuses:?}"
        );
        let said = served.said();
        for expected in ["Postgres does not answer lookups", "no answer within the deadline"] {
            assert!(said.contains(expected), "{level} {format:?}: {said}");
        }
        assert_eq!(
            said.contains("webhook verification failed"),
            level != "error",
            "{level} {format:?}: {said}"
        );
        assert_eq!(
            said.contains("request answered"),
            !["error", "warn"].contains(&level),
            "{level} {format:?}: {said}"
        );
        assert!(metrics.body.contains("hookpoint_requests_total"), "{}", metrics.body);
        assert!(metrics.body.contains("hookpoint_webhooks_total"), "{}", metrics.body);
        assert_eq!(everything().find(&said), None, "{level} {format:?}");
        assert_eq!(everything().find(&metrics.body), None, "the page of metrics");
        for id in [format!("{level}-{format:?}"), format!("{level}-{format:?}-later")] {
            assert_eq!(signatures(&id, at).find(&said), None, "{level} {format:?}");
        }
    }
    app.stop().await;
}
