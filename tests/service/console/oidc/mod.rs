//! Logging in with a login provider, also with one that lies.

mod interoperability;
mod lies;
mod log_in;
pub mod provider;

use hookpoint::settings::file::{OidcRoleSettings, OidcSettings};
use hookpoint::sources::secret::SecretRef;

use self::provider::{CLIENT_ID, LoginProvider, Returned};
use super::*;

/// Settings with the login provider. Every browser of a test has a network of its own.
fn settings_with(provider: &str) -> TestSettings {
    let role = |group: &str, brand: &str, role| OidcRoleSettings {
        group: group.to_owned(),
        brand: brand.to_owned(),
        role,
    };
    settings_with_console().with(|file| {
        file.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        file.console.oidc = OidcSettings {
            issuer: provider.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            // A variable that is set while tests run.
            client_secret: vec![SecretRef::Env("CARGO_PKG_NAME".to_owned())],
            roles: vec![
                role("desk", "demo", Role::Supervisor),
                role("staff", "demo", Role::Viewer),
            ],
            ..OidcSettings::default()
        };
    })
}

/// A browser, with its cookies.
struct Browser<'a> {
    app: &'a TestApp,
    network: String,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    fn new(app: &'a TestApp) -> Self {
        use std::sync::atomic::{AtomicU16, Ordering};
        static NUMBER: AtomicU16 = AtomicU16::new(0);
        let [high, low] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self { app, network: format!("198.18.{high}.{low}"), cookies: Vec::new() }
    }

    /// Opens a page, and keeps its cookies.
    async fn open(&mut self, path: &str) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [("Cookie", cookies.as_str()), ("X-Forwarded-For", &self.network)];
        let response = request(self.app, "GET", path, &headers, "").await;
        for line in response.head.lines() {
            let Some((name, value)) = line.split_once(": ") else { continue };
            if name.eq_ignore_ascii_case("set-cookie") {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.retain(|(own, _)| own != name);
                if !value.is_empty() {
                    self.cookies.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        response
    }

    /// Goes to the provider, and logs in there.
    async fn visit(&mut self, provider: &LoginProvider) -> Returned {
        let response = self.open("/oidc/start").await;
        assert_eq!(response.status, 303, "{}", response.body);
        provider.log_in(response.header("location").unwrap())
    }

    /// Logs in, and comes back.
    async fn log_in(&mut self, provider: &LoginProvider) -> Response {
        let returned = self.visit(provider).await;
        self.open(&returned.path()).await
    }

    fn has_session(&self) -> bool {
        self.cookies.iter().any(|(name, _)| name.starts_with("hookpoint-"))
    }
}
