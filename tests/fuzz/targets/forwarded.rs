//! The headers in which proxies write the client address. A line of input is a line of the header.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use hookpoint::http::client_ip::{Caller, Proxies};
use hookpoint::settings::file::ForwardedHeader;

pub fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data
        .split(|byte| *byte == b'\n')
        .filter(|line| HeaderValue::from_bytes(line).is_ok())
        .collect();
    for (header, own, other) in [
        (ForwardedHeader::XForwardedFor, "x-forwarded-for", "forwarded"),
        (ForwardedHeader::Forwarded, "forwarded", "x-forwarded-for"),
    ] {
        let trusted =
            vec!["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")];
        let proxies = Proxies { trusted, header };
        let seen = |peer: &str, name, lines: &[&[u8]]| {
            proxies.caller(peer.parse().expect("an address"), &headers(name, lines))
        };
        for stranger in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            let peer: IpAddr = stranger.parse::<IpAddr>().expect("an address").to_canonical();
            assert_eq!(
                seen(stranger, own, &lines),
                Caller { address: Some(peer), peer },
                "the header of an untrusted client is used"
            );
        }
        let peer: IpAddr = "10.0.0.1".parse().expect("an address");
        assert_eq!(
            seen("10.0.0.1", other, &lines).address,
            Some(peer),
            "a header that proxies do not write is used"
        );
        let found = seen("10.0.0.1", own, &lines);
        assert_eq!(seen("::ffff:10.0.0.1", own, &lines), found);
        assert!(
            found.peer == peer
                && found.address.is_none_or(|address| address == address.to_canonical())
        );
        let everywhere =
            ["0.0.0.0/0".parse().expect("a network"), "::/0".parse().expect("a network")];
        assert_eq!(
            found.is_allowed(&everywhere),
            found.address.is_some(),
            "an unknown client is in no network"
        );
        assert!(found.is_allowed(&[]) && found.for_limits() == found.address.unwrap_or(peer));
        let said = |address: &str| {
            if header == ForwardedHeader::Forwarded {
                format!("for={address}")
            } else {
                address.to_owned()
            }
        };
        // Data before the accepted client address was written by the client itself.
        if found
            .address
            .is_none_or(|address| !proxies.trusted.iter().any(|network| network.contains(&address)))
        {
            for talk in
                [said("198.51.100.99"), said("10.9.9.9"), "\"".to_owned(), "for=\"[".to_owned()]
            {
                let mut more = vec![talk.as_bytes()];
                more.extend(&lines);
                assert_eq!(seen("10.0.0.1", own, &more), found, "the client's own header matters");
            }
        }
        // Whatever a client sends, our proxy appends its address, in a line of its own or in the same line.
        let written = said("203.0.113.5");
        let mut more = lines.clone();
        more.push(written.as_bytes());
        assert_eq!(
            seen("10.0.0.1", own, &more).address,
            "203.0.113.5".parse().ok(),
            "the proxy's address is not used"
        );
        if let Some((last, before)) = lines.split_last() {
            let joined = [last, b", ".as_slice(), written.as_bytes()].concat();
            let more: Vec<&[u8]> = before.iter().copied().chain([joined.as_slice()]).collect();
            // A line with non-text bytes, or with an open quotation mark, contains no address: the client is unknown.
            let is_text = last.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
            let is_whole = header == ForwardedHeader::XForwardedFor || closes_its_quotes(last);
            let expected =
                (is_text && is_whole).then(|| "203.0.113.5".parse().expect("an address"));
            assert_eq!(
                seen("10.0.0.1", own, &more).address,
                expected,
                "the proxy's address in the client's line is not used"
            );
        }
    }
}

/// Whether every quoted string of a line ends on it.
fn closes_its_quotes(line: &[u8]) -> bool {
    let (mut inside, mut rest) = (false, line.iter());
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => drop(rest.next()),
            _ => {}
        }
    }
    !inside
}

fn headers(name: &'static str, lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(line).expect("it was one before"),
        );
    }
    headers
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "203.0.113.9, 198.51.100.7, 10.0.0.2",
        "203.0.113.9\n198.51.100.7:1234",
        "::ffff:198.51.100.7, [fd00::1]:80",
        "198.51.100.7, nonsense",
        "for=198.51.100.7;proto=https, for=\"[fd00::1]:80\"",
        "For=\"[2001:db8::1]\";by=10.0.0.1;host=\"a,b\"",
        "for=unknown, for=_hidden",
        "for=203.0.113.9;host=\"shop,for=10.1.2.3\"",
        "for=203.0.113.9;host=\"a\\\",for=10.1.2.3\";by=\"x;for=10.2.2.2\", for=198.51.100.7",
        "for=\"203.0.113.9, for=10.1.2.3",
        ", ,for=203.0.113.9;for=10.1.2.3, ,",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).to_vec()
}
