//! The configurations in deploy/operate.md for nginx and haproxy, run in the real programs: their logs contain no key,
//! no address and no webhook secret. If a proxy is not installed, its test is skipped, unless `HOOKPOINT_NEEDS_PROXIES`
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

/// The code block of deploy/operate.md in this language that contains these words.
fn block(language: &str, with: &str) -> String {
    let readme = std::fs::read_to_string("deploy/operate.md").unwrap();
    let fence = format!("```{language}\n");
    let mut blocks =
        readme.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks
        .find(|block| block.contains(with))
        .unwrap_or_else(|| panic!("deploy/operate.md has no {language} with {with}"))
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

/// Responds with 200 to every request.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").is_err()
                    {
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
}

#[test]
fn nginx_logs_neither_queries_nor_secrets_in_paths() {
    if !is_installed("nginx") {
        return;
    }
    let (dir, port, upstream) = (scratch("nginx"), free_port(), upstream());
    let (access, error) = (dir.join("access.log"), dir.join("error.log"));
    let logging = block("nginx", "log_format")
        .replace("/var/log/nginx/hookpoint.log", access.to_str().unwrap());
    let logging = logging.replace("/var/log/nginx/hookpoint-error.log", error.to_str().unwrap());
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};", dir.join(name).display()));
    let text = format!(
        "daemon off; master_process off; pid {0}; error_log {1} crit;\nevents {{}}\nhttp {{\n{2}\n{logging}\nserver {{ listen 127.0.0.1:{port}; \
         location / {{ proxy_pass http://{upstream}; }} }}\n}}\n",
        dir.join("pid").display(),
        error.display(),
        paths.join(" ")
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
    let text = format!(
        "global\n  log stdout format raw local0\ndefaults\n  mode http\n  log global\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n\
         frontend all\n  bind 127.0.0.1:{port}\n{}\n  default_backend hookpoint\nbackend hookpoint\n  server a {upstream}\n",
        block("haproxy", "log-format")
    );
    std::fs::write(dir.join("haproxy.cfg"), text).unwrap();
    let mut command = Command::new("haproxy");
    command.env("PATH", "/usr/sbin:/usr/bin:/bin").args(["-db", "-f"]).arg(dir.join("haproxy.cfg"));
    let child =
        command.stdout(std::fs::File::create(&log).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let proxy = Proxy { child, dir };
    holds_no_secret(&log_of(port, &log));
    drop(proxy);
}
