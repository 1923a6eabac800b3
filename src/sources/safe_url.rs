//! Which URLs the settings may have.

/// Whether calls may use this URL: HTTPS, or this machine; without a user, a query and a fragment.
#[must_use]
pub(crate) fn is_safe_url(text: &str) -> bool {
    bare_url(text).is_some_and(|url| url.scheme() == "https" || is_of_this_machine(&url))
}

/// Whether a URL names this machine, so that no network is in between.
#[must_use]
pub(crate) fn is_of_this_machine(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The URL in a text, if it is one of HTTP or HTTPS with a host, and without a user, a query and a fragment.
#[must_use]
pub(crate) fn bare_url(text: &str) -> Option<url::Url> {
    let url = url::Url::parse(text).ok().filter(|_| !text.contains(char::is_whitespace))?;
    let is_bare = url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (is_bare && ["http", "https"].contains(&url.scheme())).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_url_has_a_host_and_nothing_that_is_secret_or_in_the_way() {
        for (text, is_bare, is_safe) in [
            ("https://api.brand.nl", true, true),
            ("https://api.brand.nl/omnidesk/", true, true),
            ("http://api.brand.nl", true, false),
            ("http://127.0.0.1:8080", true, true),
            ("http://localhost", true, true),
            ("https://", false, false),
            ("https://user:password@api.brand.nl", false, false),
            ("https://api.brand.nl?x", false, false),
            ("https://api.brand.nl#x", false, false),
            ("https://api brand.nl", false, false),
            ("ftp://api.brand.nl", false, false),
            ("api.brand.nl", false, false),
        ] {
            assert_eq!((bare_url(text).is_some(), is_safe_url(text)), (is_bare, is_safe), "{text}");
        }
    }
}
