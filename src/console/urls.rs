//! Where the console is.

use url::Url;

use crate::settings::file::ConsoleSettings;

/// The path to which the login provider sends browsers back.
pub(super) const CALLBACK: &str = "/oidc/callback";

/// Where the console is, as people reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleUrls {
    /// The scheme, the host and the port, such as `https://support.brand.nl`.
    origin: String,
    /// What comes before all paths of the console. Empty, or such as `/console`.
    base: String,
}

impl ConsoleUrls {
    /// From the settings. Without a public URL, it is the address on which the console listens.
    #[must_use]
    pub fn new(settings: &ConsoleSettings, listens_on: &str) -> Self {
        let public_url = Url::parse(settings.public_url.trim_end_matches('/')).ok();
        match public_url {
            Some(url) => Self {
                origin: url.origin().ascii_serialization(),
                base: url.path().trim_end_matches('/').to_owned(),
            },
            None => Self { origin: format!("http://{listens_on}"), base: String::new() },
        }
    }

    /// What comes before all paths.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The origin, as browsers send it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The origin and the base, as a URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", self.origin, self.base)
    }

    /// Whether people reach it with https only.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// The whole URL of a path.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base)
    }

    /// The link with a code, for a person. The code is in the fragment, which browsers never send: it is in no log.
    #[must_use]
    pub fn link(&self, brand: &str, code: &str) -> String {
        self.absolute(&format!("/login#{brand}.{code}"))
    }

    /// The link of an invitation. Its code is in the fragment, too.
    #[must_use]
    pub fn invitation(&self, brand: &str, code: &str) -> String {
        self.absolute(&format!("/invitation#{brand}.{code}"))
    }
}
