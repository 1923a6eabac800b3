//! A hookpoint with TLS: its certificate counts only if a trusted authority issued it.

use std::process::Command;

use base64::Engine;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, SOUND};
use super::*;

/// Ends TLS in front of a hookpoint, and returns the URL.
pub async fn tls_proxy(authority: &Authority, hookpoint: &BrokenHookpoint) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), hookpoint.port);
    let acceptor = TlsAcceptor::from(authority.greeting(SOUND, "http/1.1"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut behind = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut behind).await;
                }
            });
        }
    });
    let url = hookpoint.url().replace("http:", "https:");
    url.replace(&format!(":{behind}"), &format!(":{port}"))
}

fn pem(authority: &Authority) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(authority.der());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_passes_and_another_one_fails() {
    let hookpoint = BrokenHookpoint::start(None).await;
    let authority = Authority::new();
    let url = tls_proxy(&authority, &hookpoint).await;
    let roots = crate::support::scratch().join(format!("doctor-roots-{}.pem", hookpoint.port));
    for (trusted, code, passes) in [(&authority, 0, true), (&Authority::new(), 3, false)] {
        std::fs::write(&roots, pem(trusted)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command.args(["doctor", &url, "--json", "--pause", "0", "--timeout", "120"]);
        command.args(["--slow-after", "600000"]).env("SSL_CERT_FILE", &roots);
        let (ended, out, error) = output_of(command).await;
        assert_eq!(ended, Some(code), "{out}{error}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let find = |id: &str| {
            let all = report["findings"].as_array().unwrap();
            all.iter().find(|finding| finding["id"] == id).unwrap().clone()
        };
        assert_eq!(find("https")["verdict"], "pass");
        let certificate = find("certificate");
        assert_eq!(certificate["verdict"], if passes { "pass" } else { "fail" }, "{certificate}");
        if !passes {
            let seen = "the certificate is not trusted: no trusted authority has issued it";
            assert_eq!(certificate["seen"], seen);
        }
    }
    std::fs::remove_file(&roots).unwrap();
}
