//! A log-in with a provider that is not ours: npm's `oidc-provider`, if it is here. `.ci/run` fetches it, and sets
//! `HOOKPOINT_OIDC_PROVIDER` to its directory.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the provider, and waits until it listens.
fn start(directory: &str, port: u16, redirect_uri: &str) -> Process {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc_provider/provider.mjs");
    let mut child = Command::new("node")
        .args([script, directory, &port.to_string(), redirect_uri])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let process = Process(child);
    assert!(lines.any(|line| line.unwrap() == "ready"), "the provider does not start");
    // Nobody reads the rest, and the provider must not fail when it writes.
    std::thread::spawn(move || lines.for_each(drop));
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_with_the_oidc_provider_of_npm() {
    let Some(directory) = std::env::var_os("HOOKPOINT_OIDC_PROVIDER") else {
        let text = "not tried: npm's oidc-provider, because HOOKPOINT_OIDC_PROVIDER is not set";
        let _ = writeln!(std::io::stderr(), "{text}");
        return;
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let app = TestApp::start_with(settings_with(&format!("http://{at}"))).await;
    let redirect_uri = format!("http://{}/oidc/callback", console_of(&app));
    let provider = start(directory.to_str().unwrap(), at.port(), &redirect_uri);

    let mut femke = Browser::new(&app);
    let mut next = femke.open("/oidc/start").await.header("location").unwrap().to_owned();
    let mut cookies: Vec<String> = Vec::new();
    while let Some(path) = next.strip_prefix(&format!("http://{at}")).map(str::to_owned) {
        let cookie = cookies.join("; ");
        let request = head(at, "GET", &path, &[("Cookie", &cookie)]);
        let response = exchange_undocumented(at, request.into_bytes()).await;
        assert!([302, 303].contains(&response.status), "{path}: {}", response.body);
        for line in
            response.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie"))
        {
            let (_, cookie) = line.split_once(": ").unwrap();
            cookies.push(cookie.split(';').next().unwrap().to_owned());
        }
        next = response.header("location").unwrap().to_owned();
        if next.starts_with('/') {
            next = format!("http://{at}{next}");
        }
    }
    let back = next.strip_prefix(&format!("http://{}", console_of(&app))).unwrap();
    let entered = femke.open(back).await;
    assert_eq!((entered.status, femke.has_session()), (303, true), "{}", entered.body);
    let page = femke.open("/demo/").await.body;
    assert!(page.contains("Femke of oidc-provider"), "{page}");
    assert_eq!(femke.open("/demo/reviews").await.status, 200);
    drop(provider);
    app.stop().await;
}
