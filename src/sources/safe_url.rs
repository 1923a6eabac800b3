//! Which URLs calls may use: those of the settings, and those of commands that send a secret.

/// Whether calls may use this URL: HTTPS, or this machine; without a user, a query and a fragment.
#[must_use]
pub(crate) fn is_safe_url(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_bare && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
