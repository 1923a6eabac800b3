//! Limits calls to the base URL of an account and the other URLs in its settings. A source cannot redirect a call, with
//! its token, to another place.

use reqwest::Url;

use super::error::CallError;
use crate::sources::api::Target;

/// The URLs that an account may call.
pub(super) struct AllowedOrigins {
    base_url: String,
    origins: Vec<Url>,
}

impl AllowedOrigins {
    pub(super) fn new(base_url: &str, origins: &[String]) -> Self {
        let all = std::iter::once(base_url).chain(origins.iter().map(String::as_str));
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            origins: all.filter_map(|origin| Url::parse(origin).ok()).collect(),
        }
    }

    /// The URL of a target, if it is allowed.
    pub(super) fn find(&self, target: &Target) -> Result<Url, CallError> {
        let url = match target {
            Target::Below(path) => self.below(path),
            Target::Given(url) => plain(url),
        };
        url.filter(|url| {
            self.origins.iter().any(|known| is_same_origin(known, url) && is_below(known, url))
        })
        .ok_or(CallError::BlockedOrigin)
    }

    fn below(&self, path: &str) -> Option<Url> {
        let is_below = path.starts_with('/') && !path.split(['?', '#']).next().is_some_and(climbs);
        is_below.then(|| Url::parse(&format!("{}{path}", self.base_url)).ok()).flatten()
    }
}

/// Whether a segment of a path leads upwards, for any parser. Parsers treat an encoded dot as a dot, some decode twice,
/// and some drop the text after a semicolon.
fn climbs(path: &str) -> bool {
    let mut plain = path.to_ascii_lowercase();
    while plain.contains("%25") {
        plain = plain.replace("%25", "%");
    }
    for (encoded, meant) in [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("%3b", ";")] {
        plain = plain.replace(encoded, meant);
    }
    plain
        .split(['/', '\\'])
        .filter_map(|segment| segment.split(';').next())
        .any(|segment| matches!(segment, "." | ".."))
}

fn is_same_origin(known: &Url, url: &Url) -> bool {
    known.scheme() == url.scheme()
        && known.host() == url.host()
        && known.port_or_known_default() == url.port_or_known_default()
}

/// Whether a URL is below the path of another one. A host may be shared with other customers, on other paths.
fn is_below(known: &Url, url: &Url) -> bool {
    let base = known.path().trim_end_matches('/');
    url.path().strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !climbs(url.path())
}

/// Parses a URL if all parsers read the same host in it: it has no user, no encoding, no letters of other scripts, and
/// no character that some parsers skip or replace.
fn plain(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let host = rest.split(['/', '?', '#']).next()?;
    let is_plain = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    let is_clean = !text.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace());
    (is_scheme && is_plain && is_clean).then(|| Url::parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(target: &Target) -> Option<String> {
        let allowed_origins = AllowedOrigins::new(
            "https://api.example.com/v1",
            &["https://files.example.com:8443".to_owned()],
        );
        allowed_origins.find(target).ok().map(|url| url.to_string())
    }

    #[test]
    fn a_url_is_followed_only_to_a_known_origin() {
        for right in [
            "https://api.example.com/v1/a?b=c",
            "HTTPS://API.example.com:443/v1/a",
            "https://files.example.com:8443/x",
            "https://api.example.com/v1",
        ] {
            assert!(found(&Target::Given(right.to_owned())).is_some(), "{right}");
        }
        for wrong in [
            "https://api.example.com/a",
            "https://api.example.com/v10/a",
            "https://api.example.com/V1/a",
            "https://api.example.com",
            "https://api.example.com/v1/../a",
            "https://api.example.com/v1/%2e%2e/a",
            "https://api.example.com/v1/..%5ca",
            "https://api.example.com/v1/..;/a",
            "https://api.example.com/v1/..;x=y/a",
            "https://api.example.com/v1/..%3bx/a",
            "https://api.example.com/v1/%252e%252e/a",
            "https://api.example.com/v1/%25252e./a",
            "https://api.example.com/v1/..%252fa",
            "https://api.example.com/admin/delete-all?x=/v1/",
            "http://api.example.com/v1/a",
            "https://api.example.com:8443/a",
            "https://files.example.com/x",
            "https://api.example.com.evil.example/a",
            "https://api.example.com./a",
            "https://evil.example/https://api.example.com/",
            "https://user@api.example.com/a",
            "https://api.example.com@evil.example/a",
            "https://@api.example.com/a",
            "https://evil.example\\@api.example.com/a",
            "https:\\\\api.example.com/a",
            "https:/\\api.example.com/a",
            "https://api.example.com\\.evil.example/a",
            "https://api.example.com/\\a",
            "https://аpi.example.com/a",
            "https://ａpi.example.com/a",
            "https://%61pi.example.com/a",
            "https://xn--pi-6kc.example.com/a",
            " https://api.example.com/a",
            "https://api.exa\tmple.com/a",
            "https://api.example.com/a\r\nHost: evil.example",
            "//api.example.com/a",
            "/a",
            "",
            "https://",
            "https:///api.example.com/a",
            "ftp://api.example.com/a",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:application/json,{}",
            "https://[::1]/a",
            "https://127.0.0.1/a",
        ] {
            assert_eq!(found(&Target::Given(wrong.to_owned())), None, "{wrong}");
        }
    }

    #[test]
    fn a_path_stays_below_the_base_url() {
        let below = |path: &str| found(&Target::Below(path.to_owned()));
        assert_eq!(
            below("/contacts?page=2").as_deref(),
            Some("https://api.example.com/v1/contacts?page=2")
        );
        assert_eq!(
            below("/a?next=../b").as_deref(),
            Some("https://api.example.com/v1/a?next=../b")
        );
        for wrong in [
            "contacts",
            "",
            "@evil.example/",
            ".evil.example/",
            ":8443/",
            "/a/../../b",
            "/%2E%2e/b",
            "/a\\..\\b",
            "/.%2e",
            "/a/.",
        ] {
            assert_eq!(below(wrong), None, "{wrong}");
        }
    }
}
