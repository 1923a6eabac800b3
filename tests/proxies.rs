//! The configurations in deploy/proxy for nginx and haproxy, run in the real programs without TLS: their logs contain no
//! key, no address and no webhook secret. If a proxy is not installed, its test is skipped, unless `HOOKPOINT_NEEDS_PROXIES`
//! is set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Values that no log may contain.
const SECRETS: [&str; 4] = [
    "key-of-a-brand-0123456789",
    "tap-secret-aaaaaaaaaaaa",
    "anna%40example.org",
    "anna@example.org",
];

/// The requests: a lookup, webhooks with their secret in the path or the query, and unusual spellings of them.
const ASKED: [&str; 9] = [
    "/omnidesk/customerlookup?key=key-of-a-brand-0123456789&channelAddressType=email&address=anna%40example.org",
    "/webhooks/shop/omniotap/tap-secret-aaaaaaaaaaaa",
    "/webhooks/shop/omniotap/tap-secret-aaaaaaaaaaaa/",
    "/webhooks/shop/omniotap?token=tap-secret-aaaaaaaaaaaa",
    "/%77ebhooks/shop/omniotap/tap-secret-aaaaaaaaaaaa",
    "/webhooks/shop/omniotap/tap-secret-aaaaaaaaaaaa?token=tap-secret-aaaaaaaaaaaa",
    "/webhooks//shop/omniotap/tap-secret-aaaaaaaaaaaa",
    "//webhooks/shop/omniotap/tap-secret-aaaaaaaaaaaa",
    "/health/ready",
];

/// A proxy that ends with the test.
struct Proxy {
    child: Child,
    dir: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn scratch(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A file of deploy/proxy with other values: what it has, and what a test uses instead.
fn configuration(name: &str, changes: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(format!("deploy/proxy/{name}")).unwrap();
    changes.iter().fold(text, |text, (here, instead)| {
        assert!(text.contains(here), "{name} has no {here}");
        text.replace(here, instead)
    })
}

fn is_installed(name: &str) -> bool {
    let found =
        std::env::var("PATH").unwrap().split(':').any(|dir| PathBuf::from(dir).join(name).exists());
    let found = found || PathBuf::from("/usr/sbin").join(name).exists();
    assert!(
        found || std::env::var_os("HOOKPOINT_NEEDS_PROXIES").is_none(),
        "{name} is not installed"
    );
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The answer of a replica.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nx-request-id: id-of-the-request\r\ncontent-length: 2\r\n\r\n[]";

/// Responds with 200 to every request.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {
                    if stream.write_all(ANSWER).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn ask(port: u16, target: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            write!(stream, "POST {target} HTTP/1.1\r\nhost: hookpoint\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            return answer;
        }
        assert!(Instant::now() < deadline, "the proxy doesn't listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends all requests, and returns the log when it has a line for each.
fn log_of(port: u16, log: &PathBuf) -> String {
    for target in ASKED {
        assert!(ask(port, target).starts_with("HTTP/1.1 200"), "{target}");
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if text.lines().filter(|line| line.contains("POST")).count() >= ASKED.len() {
            return text;
        }
        assert!(Instant::now() < deadline, "the log lacks lines: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn holds_no_secret(log: &str) {
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
    // It still contains the data that an operator needs.
    assert!(
        log.contains("POST /omnidesk/customerlookup")
            && log.contains("POST /webhooks/shop/omniotap"),
        "{log}"
    );
    for line in log.lines().filter(|line| line.contains("POST")) {
        assert!(line.ends_with(" id-of-the-request"), "{line}");
    }
}

#[test]
fn nginx_logs_neither_queries_nor_secrets_in_paths() {
    if !is_installed("nginx") {
        return;
    }
    let (dir, port, upstream) = (scratch("nginx"), free_port(), upstream());
    let (access, error) = (dir.join("access.log"), dir.join("error.log"));
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", dir.join(name).display()));
    let (http, upstream) = (format!("http {{\n{}", paths.join(" ")), upstream.to_string());
    let text = configuration(
        "nginx.conf",
        &[
            ("user www-data;", "daemon off; master_process off;"),
            ("/run/nginx.pid", dir.join("pid").to_str().unwrap()),
            ("/var/log/nginx/hookpoint-error.log", error.to_str().unwrap()),
            ("/var/log/nginx/hookpoint.log", access.to_str().unwrap()),
            ("http {", &http),
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port};")),
            ("10.0.0.1:8080", &upstream),
            ("10.0.0.2:8080", &upstream),
            ("ssl_", "#ssl_"),
        ],
    );
    std::fs::write(dir.join("nginx.conf"), text).unwrap();
    let mut command = Command::new("nginx");
    command
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .arg("-c")
        .arg(dir.join("nginx.conf"))
        .arg("-p")
        .arg(&dir)
        .arg("-e")
        .arg(&error);
    let proxy =
        Proxy { child: command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap(), dir };
    holds_no_secret(&log_of(port, &access));
    let errors = std::fs::read_to_string(&error).unwrap_or_default();
    assert!(SECRETS.iter().all(|secret| !errors.contains(secret)), "{errors}");
    drop(proxy);
}

#[test]
fn haproxy_logs_neither_queries_nor_secrets_in_paths() {
    if !is_installed("haproxy") {
        return;
    }
    let (dir, port, upstream) = (scratch("haproxy"), free_port(), upstream());
    let log = dir.join("log");
    let changes = [
        ("    user haproxy\n    group haproxy\n", ""),
        (" ssl crt \"${HOOKPOINT_CERTIFICATE-/etc/haproxy/tls/api.brand.nl.pem}\"", ""),
        (" ssl-min-ver TLSv1.2", ""),
    ];
    let text = configuration("haproxy.cfg", &changes);
    std::fs::write(dir.join("haproxy.cfg"), text).unwrap();
    let mut command = Command::new("haproxy");
    command.env("PATH", "/usr/sbin:/usr/bin:/bin").args(["-db", "-f"]).arg(dir.join("haproxy.cfg"));
    command.env("HOOKPOINT_BIND", format!("127.0.0.1:{port}"));
    command.envs(["HOOKPOINT_A", "HOOKPOINT_B"].map(|replica| (replica, upstream.to_string())));
    let child =
        command.stdout(std::fs::File::create(&log).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let proxy = Proxy { child, dir };
    holds_no_secret(&log_of(port, &log));
    drop(proxy);
}
