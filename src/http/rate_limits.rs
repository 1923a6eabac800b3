//! Rate limits. Each limit answers a threat:
//!
//! - lookups with one key: a client out of control, or a stolen key that reads out the customers;
//! - wrong keys from one network: guessing. It limits only requests with wrong keys, because the lookups of all brands
//!   come from the same addresses of the help desk;
//! - identical webhooks: a sender that replays a recorded webhook again and again. Each one would be stored and cause
//!   calls to the source;
//! - lookups that find nobody, by key: a caller that tries numbers. It raises an alarm, and rejects only if the
//!   settings say so;
//! - requests for the agent page of one customer: whoever has a link needs no account.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

/// The limits of the settings.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Lookups with one key per second. A burst may have twice as many.
    pub lookups_per_second: u32,
    /// Requests with wrong keys from one network per minute.
    pub wrong_keys_per_minute: u32,
    /// Lookups with one key that find nobody, per minute.
    pub not_found_per_minute: u32,
    /// The most networks that are counted at once.
    pub max_tracked_networks: u64,
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Uses one unit of a limit. If none is left, returns the seconds to wait.
fn check(limiter: &DefaultDirectRateLimiter) -> Result<(), u64> {
    limiter.check().map_err(|not_until| {
        not_until.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1)
    })
}

/// The limits of one key.
#[derive(Debug)]
pub struct KeyLimits {
    lookups: DefaultDirectRateLimiter,
    not_found: DefaultDirectRateLimiter,
}

impl KeyLimits {
    /// Limits of which nothing is used.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let burst = at_least_one(rates.lookups_per_second.saturating_mul(2));
        Self {
            lookups: RateLimiter::direct(
                Quota::per_second(at_least_one(rates.lookups_per_second)).allow_burst(burst),
            ),
            not_found: RateLimiter::direct(Quota::per_minute(at_least_one(
                rates.not_found_per_minute,
            ))),
        }
    }

    /// Counts a lookup.
    ///
    /// # Errors
    /// The seconds to wait, if the limit is reached.
    pub fn check_lookup(&self) -> Result<(), u64> {
        check(&self.lookups)
    }

    /// Counts a lookup that found nobody.
    ///
    /// # Errors
    /// The seconds to wait, if the limit is reached.
    pub fn check_not_found(&self) -> Result<(), u64> {
        check(&self.not_found)
    }
}

/// Wrong keys by network: an IPv4 address, or the /64 of an IPv6 address. It holds a bounded number of networks.
#[derive(Debug)]
pub struct WrongKeys {
    quota: Quota,
    networks: Cache<IpAddr, Arc<DefaultDirectRateLimiter>>,
}

impl WrongKeys {
    /// A counter without any network.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let networks = Cache::builder()
            .max_capacity(rates.max_tracked_networks)
            .time_to_idle(Duration::from_secs(120))
            .build();
        Self { quota: Quota::per_minute(at_least_one(rates.wrong_keys_per_minute)), networks }
    }

    /// Counts a request with a wrong key.
    ///
    /// # Errors
    /// The seconds to wait, if the limit is reached.
    pub fn take(&self, caller: IpAddr) -> Result<(), u64> {
        check(
            &self
                .networks
                .get_with(network_of(caller), || Arc::new(RateLimiter::direct(self.quota))),
        )
    }
}

/// Requests about the same thing, such as identical webhooks, by its hash. It holds a bounded number of things.
#[derive(Debug)]
pub struct Repeated {
    quota: Quota,
    contents: Cache<[u8; 16], Arc<DefaultDirectRateLimiter>>,
}

impl Repeated {
    /// A counter without any request.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let contents = Cache::builder()
            .max_capacity(MAX_CONTENTS)
            .time_to_idle(Duration::from_secs(120))
            .build();
        Self { quota: Quota::per_minute(at_least_one(per_minute)), contents }
    }

    /// Counts a request, by the hash of what it is about.
    ///
    /// # Errors
    /// The seconds to wait, if the limit is reached.
    pub fn take(&self, content: [u8; 16]) -> Result<(), u64> {
        check(&self.contents.get_with(content, || Arc::new(RateLimiter::direct(self.quota))))
    }

    /// Removes the count of a thing, because the request did nothing.
    pub fn forget(&self, content: [u8; 16]) {
        self.contents.invalidate(&content);
    }
}

/// The most contents that are counted at once. They take some ten megabytes.
const MAX_CONTENTS: u64 = 50_000;

/// The network of an address: an IPv4 address, or the /64 of an IPv6 address.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        lookups_per_second: 1,
        wrong_keys_per_minute: 2,
        not_found_per_minute: 1,
        max_tracked_networks: 10,
    };

    #[test]
    fn an_ipv6_network_is_one_caller_and_another_is_not() {
        let wrong = WrongKeys::new(RATES);
        for last in ["2001:db8::1", "2001:db8::2"] {
            assert_eq!(wrong.take(last.parse().unwrap()), Ok(()));
        }
        assert!(
            wrong
                .take("2001:db8::3".parse().unwrap())
                .is_err_and(|seconds| (1..=60).contains(&seconds))
        );
        assert_eq!(wrong.take("2001:db8:0:1::1".parse().unwrap()), Ok(()));
        assert_eq!(wrong.take("192.0.2.1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn the_number_of_networks_is_bounded() {
        let wrong = WrongKeys::new(RATES);
        for n in 0..1_000_u32 {
            let _ = wrong.take(IpAddr::V4(n.to_be_bytes().into()));
        }
        wrong.networks.run_pending_tasks();
        assert!(wrong.networks.entry_count() <= 10);
    }
}
