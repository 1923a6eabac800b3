//! The address of the caller: the peer of the socket, or the address that trusted proxies wrote into the header.

use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

use crate::settings::file::{ForwardedHeader, ServerSettings};

/// The origin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The address of the caller. `None` if a trusted proxy sent a malformed header. Such a caller is on no allow-list.
    pub address: Option<IpAddr>,
    /// The peer of the socket.
    pub peer: IpAddr,
}

impl Caller {
    /// Whether an allow-list contains the caller. An empty list allows every caller.
    #[must_use]
    pub fn is_allowed(&self, allow: &[IpNet]) -> bool {
        allow.is_empty() || self.address.is_some_and(|address| contains(allow, address))
    }

    /// The address that rate limits count.
    #[must_use]
    pub fn for_limits(&self) -> IpAddr {
        self.address.unwrap_or(self.peer)
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// The trusted proxies, and the header that they write.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// The networks of the proxies.
    pub trusted: Vec<IpNet>,
    /// The header that the proxies write.
    pub header: ForwardedHeader,
}

impl From<&ServerSettings> for Proxies {
    fn from(settings: &ServerSettings) -> Self {
        Self { trusted: settings.trusted_proxies.clone(), header: settings.forwarded_header }
    }
}

impl Proxies {
    /// Determines the caller. It reads the header from right to left and skips trusted proxies. The first other address
    /// is the caller.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Caller {
        let peer = peer.to_canonical();
        if !contains(&self.trusted, peer) {
            return Caller { address: Some(peer), peer };
        }
        let mut here = Some(peer);
        for hop in self.hops(headers).into_iter().rev() {
            here = hop.map(|address| address.to_canonical());
            if !here.is_some_and(|address| contains(&self.trusted, address)) {
                break;
            }
        }
        Caller { address: here, peer }
    }

    /// The addresses in the header, in order. `None` stands for a malformed one. Empty elements are ignored (RFC 9110,
    /// section 5.6.1.2).
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, forwarded) = match self.header {
            ForwardedHeader::XForwardedFor => ("x-forwarded-for", false),
            ForwardedHeader::Forwarded => ("forwarded", true),
        };
        let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or("?"));
        lines
            .flat_map(|line| {
                if forwarded {
                    forwarded_nodes(line)
                } else {
                    elements(line.split(',')).map(parse_node).collect()
                }
            })
            .collect()
    }
}

fn elements<'a>(split: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    split.into_iter().map(str::trim).filter(|element| !element.is_empty())
}

/// The `for` of each element of a `Forwarded` line (RFC 7239, section 4). If a quotation mark is not closed, it is
/// unclear who wrote the rest, so the whole line counts as one malformed element.
fn forwarded_nodes(line: &str) -> Vec<Option<IpAddr>> {
    split_unquoted(line, ',')
        .map_or_else(|| vec![None], |split| elements(split).map(forwarded_for).collect())
}

/// The address in the first `for` of an element.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = split_unquoted(element, ';')?.into_iter().filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse_node(&unquoted(node.trim())?)
}

/// Splits at separators outside of quoted strings. `None` if a quoted string is not closed.
fn split_unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0_usize);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => {
                parts.push(text.get(start..at)?);
                start = at.saturating_add(c.len_utf8());
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted).then_some(parts)
}

/// The value of a token or of a quoted string. `None` if it is neither.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let mut out = String::new();
    let mut rest = quoted.strip_suffix('"')?.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return None,
            '\\' => out.push(rest.next()?),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Parses an address with or without a port. The port may be a name that begins with an underscore (RFC 7239, section
/// 6). IPv6 may have brackets.
fn parse_node(node: &str) -> Option<IpAddr> {
    let is_name = |port: &str| {
        !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if let Some((address, port)) = node.rsplit_once(":_") {
        let is_whole = address.ends_with(']') || !address.contains(':');
        return if is_name(port) && is_whole { parse_node(address) } else { None };
    }
    if let Ok(address) = node.parse() {
        return Some(address);
    }
    if let Ok(socket) = node.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    node.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn caller(header: ForwardedHeader, peer: &str, lines: &[&str]) -> Option<String> {
        let proxies = Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        };
        let name =
            if header == ForwardedHeader::Forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(line).unwrap());
        }
        proxies.caller(peer.parse().unwrap(), &headers).address.map(|address| address.to_string())
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        use ForwardedHeader::{Forwarded, XForwardedFor};
        for (header, peer, lines, expected) in [
            (XForwardedFor, "192.0.2.1", &["198.51.100.7"][..], Some("192.0.2.1")),
            (XForwardedFor, "10.0.0.1", &["198.51.100.7"], Some("198.51.100.7")),
            (
                XForwardedFor,
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.7, 10.0.0.2"],
                Some("198.51.100.7"),
            ),
            (
                XForwardedFor,
                "10.0.0.1",
                &["203.0.113.9", "198.51.100.7:1234"],
                Some("198.51.100.7"),
            ),
            (XForwardedFor, "::ffff:10.0.0.1", &["::ffff:198.51.100.7"], Some("198.51.100.7")),
            (XForwardedFor, "10.0.0.1", &["198.51.100.7, nonsense"], None),
            (XForwardedFor, "10.0.0.1", &[], Some("10.0.0.1")),
            (
                Forwarded,
                "10.0.0.1",
                &["for=198.51.100.7;proto=https, for=\"[fd00::1]:80\""],
                Some("198.51.100.7"),
            ),
            (Forwarded, "10.0.0.1", &["for=unknown"], None),
            (Forwarded, "10.0.0.1", &["For=\"[2001:db8::1]\""], Some("2001:db8::1")),
            (
                Forwarded,
                "10.0.0.1",
                &["for=203.0.113.9;host=\"shop,for=10.1.2.3\""],
                Some("203.0.113.9"),
            ),
            (
                Forwarded,
                "10.0.0.1",
                &["for=203.0.113.9;host=\"shop\\\",for=10.1.2.3\""],
                Some("203.0.113.9"),
            ),
            (Forwarded, "10.0.0.1", &["for=203.0.113.9;for=10.1.2.3"], Some("203.0.113.9")),
            (
                Forwarded,
                "10.0.0.1",
                &["host=\"a;for=10.1.2.3\";for=203.0.113.9"],
                Some("203.0.113.9"),
            ),
            (Forwarded, "10.0.0.1", &["for=198.51.100.7, , "], Some("198.51.100.7")),
            (Forwarded, "10.0.0.1", &["for=\"198.51.\\100.7\""], Some("198.51.100.7")),
            (Forwarded, "10.0.0.1", &["for=198.51.100.7;host=\"open, for=10.1.2.3"], None),
            (Forwarded, "10.0.0.1", &["for=\"198.51.100.7\"10.1.2.3"], None),
            (Forwarded, "10.0.0.1", &["for=\"", "for=198.51.100.7"], Some("198.51.100.7")),
            (Forwarded, "10.0.0.1", &["for=\"198.51.100.7:_secret\""], Some("198.51.100.7")),
            (Forwarded, "10.0.0.1", &["for=\"[2001:db8::1]:_x\""], Some("2001:db8::1")),
            (Forwarded, "10.0.0.1", &["for=\"2001:db8::1:_x\""], None),
            (Forwarded, "10.0.0.1", &["for=\"198.51.100.7:_\u{e9}\""], None),
            (XForwardedFor, "10.0.0.1", &["198.51.100.7, ,"], Some("198.51.100.7")),
        ] {
            assert_eq!(
                caller(header, peer, lines).as_deref(),
                expected,
                "{header:?} {peer} {lines:?}"
            );
        }
    }

    #[test]
    fn an_unknown_caller_is_on_no_list() {
        let caller = Caller { address: None, peer: "10.0.0.1".parse().unwrap() };
        assert!(caller.is_allowed(&[]) && !caller.is_allowed(&["0.0.0.0/0".parse().unwrap()]));
    }
}
