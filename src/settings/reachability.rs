//! Whether others can reach the URLs that the service shows.

use super::file::SettingsFile;
use crate::sources::safe_url::is_of_this_machine;

impl SettingsFile {
    /// Whether only this machine can reach the URLs of this service: `server.public_url` is empty, or names this machine.
    #[must_use]
    pub fn is_for_this_machine_only(&self) -> bool {
        is_local(&self.server.public_url)
    }

    /// Whether only this machine can reach the console: `console.public_url` is empty, or names this machine.
    #[must_use]
    pub fn has_console_for_this_machine_only(&self) -> bool {
        is_local(&self.console.public_url)
    }
}

fn is_local(public_url: &str) -> bool {
    url::Url::parse(public_url).map_or(true, |url| is_of_this_machine(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_or_omnidesk_reaches_only_a_public_url() {
        let is_local = |url: &str| {
            let mut file = SettingsFile::default();
            url.clone_into(&mut file.server.public_url);
            file.is_for_this_machine_only()
        };
        for url in ["", "http://127.0.0.1:8080", "https://localhost:8443", "http://[::1]:8080/crm"]
        {
            assert!(is_local(url), "{url}");
        }
        for url in ["https://api.brand.nl", "http://192.0.2.1:8080"] {
            assert!(!is_local(url), "{url}");
        }
    }
}
