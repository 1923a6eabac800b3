//! What a command says when its database cannot be used: which database, why, and what to do. Never who, or with which
//! password.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::authority::{Authority, Claim, SOUND};
use crate::command::{RunEnd, Scratch, TIMEOUT, command, run};
use crate::shop::Shop;

/// A server that speaks just enough of Postgres's protocol to refuse every connection.
struct Refusing {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How it refuses.
#[derive(Clone)]
enum Refusal {
    /// It has no TLS.
    WithoutTls,
    /// With a code and the routine that reports it, with TLS or without.
    Error(Option<Arc<ServerConfig>>, &'static str, &'static str),
    /// It is no Postgres at all.
    Http,
}

impl Refusing {
    fn start(refusal: Refusal) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let serve = move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_read_timeout(Some(TIMEOUT)).unwrap();
                // The command may have gone already: it refuses the certificate.
                let _ = refuse(stream, &refusal);
            }
        };
        Self { port, is_over, thread: Some(std::thread::spawn(serve)) }
    }

    fn url(&self, parameters: &str) -> String {
        let port = self.port;
        format!("postgres://canary-user:canary-password@127.0.0.1:{port}/shop?{parameters}")
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}

fn refuse(mut stream: TcpStream, refusal: &Refusal) -> std::io::Result<()> {
    match refusal {
        Refusal::Http => {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
            let _ = stream.read_to_end(&mut Vec::new());
            Ok(())
        }
        Refusal::WithoutTls => {
            read_message(&mut stream)?;
            stream.write_all(b"N")?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        Refusal::Error(None, code, routine) => refuse_login(&mut stream, code, routine),
        Refusal::Error(Some(config), code, routine) => {
            read_message(&mut stream)?;
            stream.write_all(b"S")?;
            let connection = ServerConnection::new(Arc::clone(config)).unwrap();
            refuse_login(&mut StreamOwned::new(connection, stream), code, routine)
        }
    }
}

/// Reads a message without a type: its length, and the rest.
fn read_message(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn refuse_login(
    stream: &mut (impl Read + Write),
    code: &str,
    routine: &str,
) -> std::io::Result<()> {
    let startup = String::from_utf8_lossy(&read_message(stream)?).into_owned();
    // PgBouncer knows only some parameters.
    let code = if startup.contains("extra_float_digits") { "XX000" } else { code };
    let fields =
        format!("SFATAL\0VFATAL\0C{code}\0Mcanary-message\0Dcanary-detail\0R{routine}\0\0");
    stream.write_all(b"E")?;
    stream.write_all(&u32::try_from(fields.len() + 4).unwrap().to_be_bytes())?;
    stream.write_all(fields.as_bytes())?;
    stream.flush()?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// A command with this `DATABASE_URL`.
fn run_with(arguments: &[&str], url: &str) -> RunEnd {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    run(command(&settings, arguments).env("DATABASE_URL", url))
}

/// What it says that a command cannot use its database.
fn failure(url: &str) -> String {
    said(run_with(&["migrate"], url))
}

fn said(ended: RunEnd) -> String {
    // Whether it may work in a moment is another test.
    assert!(matches!(ended.code, Some(1 | 75)) && ended.out.is_empty(), "{}", ended.error);
    assert!(!ended.error.contains("canary"), "{}", ended.error);
    ended.error
}

fn assert_says(url: &str, database: &str, reason: &str) {
    let error = failure(url);
    let start = format!("hookpoint: database {database} (from DATABASE_URL): ");
    assert!(error.starts_with(&start), "{error}");
    assert!(error.contains(reason), "{reason}: {error}");
}

#[test]
fn an_address_where_nothing_answers_is_named() {
    let user = "postgres://canary-user:canary-password";
    assert_says(
        &format!("{user}@127.0.0.1:1/shop"),
        "127.0.0.1:1/shop",
        "connection refused: nothing listens on this port",
    );
    // Not every machine has IPv6, but none has to resolve an address.
    let address = failure(&format!("{user}@[::1]:1/shop"));
    assert!(
        address.starts_with("hookpoint: database [::1]:1/shop (from DATABASE_URL)"),
        "{address}"
    );
    assert!(!address.contains("cannot be resolved"), "{address}");
    // No name may have an empty part, so no name server has to be asked.
    assert_says(
        &format!("{user}@no..host:5433/shop"),
        "no..host:5433/shop",
        "the host name cannot be resolved",
    );
    assert_says(
        &format!("{user}@127.0.0.1:1,127.0.0.1:2/shop?target_session_attrs=primary"),
        "127.0.0.1:1,127.0.0.1:2/shop",
        "127.0.0.1:1: connection refused: nothing listens on this port, or a firewall refuses it; 127.0.0.1:2: connection",
    );
    assert_says(
        &format!("{user}@localhost/shop?host=/nonexistent"),
        "/nonexistent:5432/shop",
        "there is no socket in this directory",
    );
    let http = Refusing::start(Refusal::Http);
    assert_says(
        &http.url("sslmode=require"),
        &format!("127.0.0.1:{}/shop", http.port),
        "or is not Postgres: check the port",
    );
}

#[test]
fn the_origin_of_the_url_is_named() {
    let scratch = Scratch::new();
    let url = "postgres://canary-user:canary-password@127.0.0.1:1/shop";
    let file = scratch.file("url", &format!("{url}\n"), 0o600);
    for (setting, origin) in [
        (format!("url_file = {file:?}"), format!("(from database.url_file {})", file.display())),
        (format!("url = {url:?}"), "(from database.url in the settings)".to_owned()),
    ] {
        let suppressions = scratch.0.join("suppressions.jsonl");
        let text = format!(
            "[database]\n{setting}\n[erasure]\nsuppression_file = {suppressions:?}\n[brands.shop]\n"
        );
        let settings = scratch.file("hookpoint.toml", &text, 0o644);
        let error = said(run(&mut command(&settings, &["brand", "list"])));
        let start = format!("hookpoint: database 127.0.0.1:1/shop {origin}: connection refused");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn every_code_of_postgres_has_words_and_its_own_text_is_not_shown() {
    for (code, routine, reason) in [
        ("28P01", "auth_failed", "the password is wrong or missing"),
        ("28000", "ClientAuthentication", "pg_hba.conf of the server does not let this role"),
        ("28000", "InitializeSessionUserId", "the role does not exist, or may not log in"),
        ("3D000", "InitPostgres", "the database does not exist"),
        ("42501", "CheckMyDatabase", "the role may not connect to this database"),
        ("53300", "InitProcess", "Postgres has no free connection for this role"),
        ("57P03", "ProcessStartupPacket", "Postgres is starting or stopping"),
        ("57P01", "ProcessInterrupts", "Postgres closed the connection: it is stopping"),
        ("53100", "mdextend", "the disk of Postgres is full"),
        ("08P01", "", "the pooler in front of Postgres refuses this"),
        ("42P05", "", "a pooler in transaction mode cannot be used, because"),
    ] {
        let server = Refusing::start(Refusal::Error(None, code, routine));
        let database = format!("127.0.0.1:{}/shop", server.port);
        let error = failure(&server.url("sslmode=disable"));
        let start = format!("hookpoint: database {database} (from DATABASE_URL): {reason}");
        assert!(error.starts_with(&start), "{code} {routine}: {error}");
        assert!(error.ends_with(&format!("(SQLSTATE {code})\n")), "{code} {routine}: {error}");
    }
}

#[test]
fn only_a_database_that_may_come_back_has_the_exit_code_to_try_again() {
    for (code, routine, exit) in [
        ("28P01", "auth_failed", 1),
        ("3D000", "InitPostgres", 1),
        ("53100", "mdextend", 1),
        ("08P01", "", 1),
        ("53300", "InitProcess", 75),
        ("57P03", "ProcessStartupPacket", 75),
    ] {
        let server = Refusing::start(Refusal::Error(None, code, routine));
        let ended = run_with(&["migrate"], &server.url("sslmode=disable"));
        assert_eq!(ended.code, Some(exit), "{code}: {}", ended.error);
    }
    for arguments in [&["serve"][..], &["brand", "list"], &["key", "list"], &["sync", "status"]] {
        let ended = run_with(arguments, "postgres://a:b@127.0.0.1:1/shop");
        assert_eq!(ended.code, Some(75), "{arguments:?}: {}", ended.error);
    }
}

/// A certificate that signs itself, and the TLS of its server.
fn self_signed(is_ca: IsCa) -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = is_ca;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (Arc::new(config), certificate)
}

fn pem(scratch: &Scratch, name: &str, what: &str, der: &[u8]) -> String {
    let text =
        format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", BASE64_STANDARD.encode(der));
    path(&scratch.file(name, &text, 0o600))
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A server with this TLS. If the command trusts it, the server says that the password is wrong.
fn tls(config: Arc<ServerConfig>) -> Refusing {
    Refusing::start(Refusal::Error(Some(config), "28P01", "auth_failed"))
}

fn assert_tls_says(server: &Refusing, parameters: &str, reason: &str) {
    assert_says(&server.url(parameters), &format!("127.0.0.1:{}/shop", server.port), reason);
}

const TRUSTED: &str = "the password is wrong or missing";

#[test]
fn a_server_without_tls_is_not_used_where_tls_is_required() {
    let server = Refusing::start(Refusal::WithoutTls);
    for mode in ["require", "verify-ca", "verify-full"] {
        let reason = format!("the server has no TLS, but sslmode={mode}");
        assert_tls_says(&server, &format!("sslmode={mode}"), &reason);
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_explained() {
    let scratch = Scratch::new();
    let authority = Authority::new();
    let root = pem(&scratch, "root.pem", "CERTIFICATE", authority.der());
    let trusting = format!("sslmode=verify-full&sslrootcert={root}");
    let with = |claim: Claim| tls(authority.greeting(claim, "postgresql"));
    let sound = with(SOUND);
    assert_tls_says(&sound, &trusting, TRUSTED);
    assert_tls_says(&sound, "sslmode=require", TRUSTED);
    assert_tls_says(&sound, "sslmode=verify-full", "no trusted authority has issued it");
    assert_tls_says(&sound, "sslmode=verify-full", "in sslrootcert, or the server's own if it is");
    let other = with(Claim { host: "db.example.org", ..SOUND });
    assert_tls_says(&other, &trusting, "not trusted: it was issued for another host");
    assert_tls_says(&other, &format!("sslmode=verify-ca&sslrootcert={root}"), TRUSTED);
    let expired = with(Claim { to: 2020, ..SOUND });
    assert_tls_says(&expired, &trusting, "not trusted: it has expired; renew it");
    let future = with(Claim { from: 2900, ..SOUND });
    assert_tls_says(&future, &trusting, "not trusted: it is not valid yet; check the clocks");
}

#[test]
fn a_self_signed_certificate_is_trusted_if_the_url_names_it_and_it_is_that_of_a_server() {
    let scratch = Scratch::new();
    let (config, certificate) = self_signed(IsCa::NoCa);
    let own = tls(config);
    let named = pem(&scratch, "own.pem", "CERTIFICATE", &certificate);
    assert_tls_says(&own, "sslmode=verify-full", "the server's own if it is self-signed");
    assert_tls_says(&own, &format!("sslmode=verify-full&sslrootcert={named}"), TRUSTED);
    let (config, certificate) = self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    let of_authority = tls(config);
    let named = pem(&scratch, "ca.pem", "CERTIFICATE", &certificate);
    assert_tls_says(
        &of_authority,
        &format!("sslmode=verify-full&sslrootcert={named}"),
        "it is self-signed, and marked as an authority (CA:TRUE)",
    );
}

#[test]
fn a_file_for_tls_that_cannot_be_used_is_named() {
    let scratch = Scratch::new();
    let authority = Authority::new();
    let server = tls(authority.greeting(SOUND, "postgresql"));
    let root = pem(&scratch, "root.pem", "CERTIFICATE", authority.der());
    let text = path(&scratch.file("text.pem", "canary", 0o600));
    let directory = path(&scratch.dir("directory"));
    let verify = |more: &str| format!("sslmode=verify-full&sslrootcert={root}&{more}");
    for (parameters, reason) in [
        (
            "sslmode=verify-full&sslrootcert=/nonexistent/root.pem".to_owned(),
            "the file of sslrootcert, /nonexistent/root.pem, does not exist".to_owned(),
        ),
        (
            format!("sslmode=verify-full&sslrootcert={text}"),
            format!("the file of sslrootcert, {text}, has no certificate in PEM format"),
        ),
        (
            format!("sslmode=verify-full&sslrootcert={directory}"),
            format!("the file of sslrootcert, {directory}, cannot be read"),
        ),
        (
            verify(&format!("sslcert={root}&sslkey=/nonexistent/key.pem")),
            "the file of sslkey, /nonexistent/key.pem, does not exist".to_owned(),
        ),
        (
            verify(&format!("sslcert={root}&sslkey={text}")),
            format!("the file of sslkey, {text}, has no private key in PEM format"),
        ),
        (
            verify(&format!("sslcert={text}&sslkey={text}")),
            format!("the file of sslcert, {text}, has no certificate in PEM format"),
        ),
        (
            verify(&format!("sslcert={root}")),
            "sslcert and sslkey must be given together".to_owned(),
        ),
    ] {
        assert_tls_says(&server, &parameters, &reason);
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let scratch = Scratch::new();
    let authority = Authority::new();
    let server = tls(authority.greeting(SOUND, "postgresql"));
    let root = pem(&scratch, "root.pem", "CERTIFICATE", authority.der());
    let (_, certificate) = self_signed(IsCa::NoCa);
    let certificate = pem(&scratch, "client.pem", "CERTIFICATE", &certificate);
    let key = KeyPair::generate().unwrap().serialize_der();
    let key = pem(&scratch, "client.key", "PRIVATE KEY", &key);
    assert_tls_says(
        &server,
        &format!("sslmode=verify-full&sslrootcert={root}&sslcert={certificate}&sslkey={key}"),
        "the key of sslkey does not belong to the certificate of sslcert",
    );
}

#[test]
fn a_mistake_in_the_url_is_one_of_the_settings() {
    let user = "canary-user:canary-password";
    for (url, mistake) in [
        (format!("mysql://{user}@db/shop"), "starts with mysql:// but must name a Postgres"),
        (
            format!("postgres://{user}@db/shop?sslmod=require"),
            "has the unknown parameter sslmod; did you mean sslmode?",
        ),
        (
            "postgres://canary-user:canary/password@db/shop".to_owned(),
            "has a special character in the user or the password: percent-encode it",
        ),
    ] {
        for arguments in [&["settings", "check"][..], &["serve"], &["migrate"]] {
            let ended = run_with(arguments, &url);
            assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{}", ended.error);
            let text = format!("DATABASE_URL: the URL in this environment variable {mistake}");
            assert!(ended.error.lines().any(|line| line.starts_with(&text)), "{}", ended.error);
            assert!(!ended.error.contains("canary"), "{}", ended.error);
        }
    }
    let scratch = Scratch::new();
    let file = scratch.file("url", "postgres://a:b@db/shop?connect_timeout=5\n", 0o600);
    let suppressions = scratch.0.join("suppressions.jsonl");
    let text = format!(
        "[erasure]\nsuppression_file = {suppressions:?}\n[database]\nurl_file = {file:?}\n[brands.shop]\n"
    );
    let settings = scratch.file("hookpoint.toml", &text, 0o644);
    let ended = run(&mut command(&settings, &["settings", "check"]));
    assert_eq!(ended.code, Some(2), "{}", ended.error);
    let mistake = format!(
        "hookpoint.toml:4: database.url_file: {}: the URL in this file has the parameter connect_timeout, which has no effect",
        file.display()
    );
    assert!(ended.error.contains(&mistake), "{}", ended.error);
}

/// A command on the shop's server, with another user, password or database.
fn on_server_of(shop: &Shop, user: &str, database: &str) -> RunEnd {
    let url = shop.url().replace("//hookpoint@", &format!("//{user}@"));
    let url = url.replace(&format!("/{}?", shop.database), &format!("/{database}?"));
    run(shop.command(&["migrate"]).env("DATABASE_URL", url))
}

#[test]
fn a_real_postgres_refuses_in_words() {
    let shop = Shop::empty();
    let missing = said(on_server_of(&shop, "hookpoint", "nothing"));
    assert!(missing.contains(":5432/nothing (from DATABASE_URL): the database does"), "{missing}");
    let stranger = said(on_server_of(&shop, "canary-user", &shop.database));
    assert!(stranger.contains("pg_hba.conf of the server does not let"), "{stranger}");
    shop.sql(&format!("alter database {} set default_transaction_read_only = on", shop.database));
    let read_only = said(on_server_of(&shop, "hookpoint", &shop.database));
    let reason = "(from DATABASE_URL): the schema cannot be updated: this Postgres is read-only";
    assert!(read_only.contains(reason), "{read_only}");
}

#[test]
fn a_real_postgres_refuses_a_wrong_password_and_a_role_without_rights() {
    let shop = Shop::empty();
    shop.sql("create role canary_guest login password 'canary-right'");
    let rules = shop.texts("select current_setting('hba_file')").remove(0);
    let mut rules = std::fs::File::options().append(true).open(rules).unwrap();
    rules.write_all(b"local all canary_guest scram-sha-256\n").unwrap();
    shop.texts("select pg_reload_conf()::text");
    let wrong = loop {
        let ended = said(on_server_of(&shop, "canary_guest:canary-wrong", &shop.database));
        // Until Postgres has read its rules again.
        if !ended.contains("pg_hba.conf of the server does not let") {
            break ended;
        }
    };
    assert!(wrong.contains("the password is wrong or missing"), "{wrong}");
    assert!(wrong.ends_with("(SQLSTATE 28P01)\n"), "{wrong}");
    let without_rights = said(on_server_of(&shop, "canary_guest:canary-right", &shop.database));
    let reason = "the schema cannot be updated: the role lacks a right: it must own the database";
    assert!(without_rights.contains(reason), "{without_rights}");
}
