//! Reads networks from the settings. It accepts only spellings that every program reads as the same network.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Reads a list of networks, or single addresses.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let networks = Vec::<Network>::deserialize(deserializer)?;
    Ok(networks.into_iter().map(|network| network.0).collect())
}

struct Network(IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NetworkVisitor)
    }
}

struct NetworkVisitor;

impl Visitor<'_> for NetworkVisitor {
    type Value = Network;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network in quotes, such as \"192.0.2.0/24\"")
    }

    // The mistake is made here, and not after the value, because only then it has the place of the value.
    fn visit_str<E: Error>(self, text: &str) -> Result<Network, E> {
        network(text).map(Network).map_err(E::custom)
    }
}

/// Parses a network or a single address. An IPv4 network in IPv6 form becomes the IPv4 network, because client
/// addresses are compared in that form.
fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || {
        format!(
            "\"{text}\" is not a network; write one such as \"192.0.2.0/24\" or \"2001:db8::/32\", or a single address"
        )
    };
    let Some((address, length)) = text.split_once('/') else {
        return text
            .parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
            .map_err(|_| wrong());
    };
    // Some programs read a number with a leading zero as octal, so it is refused.
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let length: u8 =
        length.parse().ok().filter(|number: &u8| number.to_string() == length).ok_or_else(wrong)?;
    let (address, length) = match (address, address.to_canonical()) {
        (IpAddr::V6(_), v4 @ IpAddr::V4(_)) => (v4, length.checked_sub(96).ok_or_else(wrong)?),
        (address, _) => (address, length),
    };
    let network = IpNet::new(address, length).map_err(|_| wrong())?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(format!(
            "\"{text}\" is not a network: bits after the prefix are set; write the network \"{}\", or one address without \"/\"",
            network.trunc()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_compared() {
        for (text, expected) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(
                network(text).map(|network| network.to_string()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for (text, part) in [
            ("10.1.2.3/8", "write the network \"10.0.0.0/8\""),
            ("::ffff:127.0.0.1/104", "write the network \"127.0.0.0/8\""),
            ("2001:db8::1/32", "write the network \"2001:db8::/32\""),
            ("010.1.2.3", "is not a network"),
            ("010.0.0.0/8", "is not a network"),
            ("10.0.0.0/08", "is not a network"),
            ("10.0.0.0/33", "is not a network"),
            ("10.0.0.0/255.0.0.0", "is not a network"),
            ("::ffff:0:0/64", "is not a network"),
            ("10.0.0.0/", "is not a network"),
            ("10.0/8", "is not a network"),
            ("0x7f.1", "is not a network"),
            ("localhost", "is not a network"),
            ("", "is not a network"),
        ] {
            assert!(
                network(text).is_err_and(|mistake| mistake.contains(part)),
                "{text}: {:?}",
                network(text)
            );
        }
    }
}
