//! Commands that call a source.

use super::*;
use crate::json_output::json_of;

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
    // In one line, so that line breaks make no difference.
    let status = || {
        let out = text(&command(&arguments("sync status")).output().unwrap().stdout);
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
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
        let sync_run = command(&arguments("sync run --stream contacts --json"))
            .env(variable, place)
            .output()
            .unwrap();
        assert!(sync_run.status.success(), "{variable}: {}", text(&sync_run.stderr));
        assert_eq!(asked.load(Ordering::SeqCst), n + 1);
        let streams = json_of("sync run", &text(&sync_run.stdout));
        let [contacts] = streams.as_array().unwrap().as_slice() else { panic!("{streams}") };
        assert_eq!(
            (&contacts["stream"], &contacts["outcome"]),
            (&"contacts".into(), &"complete".into())
        );
    }
    scratch.wait_for_no_postgres();
}

#[test]
fn a_sync_run_of_a_source_that_is_down_says_so_and_ends_on_sigterm() {
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
            (line == "shop omniotap contacts: waiting: the source cannot be reached, or the connection broke; check base_url, DNS and the firewall").then(String::new)
        });
        walking.signal(signal);
        assert!(walking.wait().success());
    }
    scratch.wait_for_no_postgres();
}
