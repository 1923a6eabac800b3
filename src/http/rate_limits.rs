//! How often who may ask. Each limit answers a threat:
//!
//! - lookups of a key: a runaway client, or a stolen key used to read out the customers;
//! - wrong keys of a network: guessing. It throttles only wrong keys, since all brands' lookups come from the same
//!   addresses of the help desk;
//! - the same webhook: somebody who recorded one and sends it again and again, each time to be stored and asked about;
//! - misses of a key: somebody trying numbers. It raises an alarm, and refuses only where the settings say so.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

/// The limits' numbers.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Lookups of one key in a second; twice as many at once.
    pub lookups_per_second: u32,
    /// Requests with wrong keys of one network in a minute.
    pub wrong_keys_per_minute: u32,
    /// Lookups of unknown people with one key in a minute.
    pub not_found_per_minute: u32,
    /// How many networks are kept count of.
    pub max_tracked_networks: u64,
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Takes one from a limit, or says how many seconds to wait.
fn check(limiter: &DefaultDirectRateLimiter) -> Result<(), u64> {
    limiter.check().map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1))
}

/// The limits of one key.
#[derive(Debug)]
pub struct KeyLimits {
    lookups: DefaultDirectRateLimiter,
    misses: DefaultDirectRateLimiter,
}

impl KeyLimits {
    /// Full limits.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let burst = at_least_one(rates.lookups_per_second.saturating_mul(2));
        Self {
            lookups: RateLimiter::direct(Quota::per_second(at_least_one(rates.lookups_per_second)).allow_burst(burst)),
            misses: RateLimiter::direct(Quota::per_minute(at_least_one(rates.not_found_per_minute))),
        }
    }

    /// Takes a lookup.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take_lookup(&self) -> Result<(), u64> {
        check(&self.lookups)
    }

    /// Takes a lookup of somebody unknown.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take_miss(&self) -> Result<(), u64> {
        check(&self.misses)
    }
}

/// Wrong keys by network: an IPv4 address, or the /64 of an IPv6 address. Holds a bounded number of them.
#[derive(Debug)]
pub struct WrongKeys {
    quota: Quota,
    networks: Cache<IpAddr, Arc<DefaultDirectRateLimiter>>,
}

impl WrongKeys {
    /// Nobody has tried anything yet.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let networks = Cache::builder().max_capacity(rates.max_tracked_networks).time_to_idle(Duration::from_secs(120)).build();
        Self { quota: Quota::per_minute(at_least_one(rates.wrong_keys_per_minute)), networks }
    }

    /// Takes a request with a wrong key.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&self, caller: IpAddr) -> Result<(), u64> {
        check(&self.networks.get_with(network_of(caller), || Arc::new(RateLimiter::direct(self.quota))))
    }
}

/// Webhooks by their content. Holds a bounded number of them.
#[derive(Debug)]
pub struct SameWebhooks {
    quota: Quota,
    contents: Cache<[u8; 16], Arc<DefaultDirectRateLimiter>>,
}

impl SameWebhooks {
    /// None has come yet.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let contents = Cache::builder().max_capacity(MAX_CONTENTS).time_to_idle(Duration::from_secs(120)).build();
        Self { quota: Quota::per_minute(at_least_one(per_minute)), contents }
    }

    /// Takes a webhook, by the hash of its content and of where it came.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&self, content: [u8; 16]) -> Result<(), u64> {
        check(&self.contents.get_with(content, || Arc::new(RateLimiter::direct(self.quota))))
    }

    /// What came so far didn't count: it was not stored.
    pub fn forget(&self, content: [u8; 16]) {
        self.contents.invalidate(&content);
    }
}

/// How many contents are kept count of: some ten megabytes of them.
const MAX_CONTENTS: u64 = 50_000;

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates { lookups_per_second: 1, wrong_keys_per_minute: 2, not_found_per_minute: 1, max_tracked_networks: 10 };

    #[test]
    fn an_ipv6_network_is_one_caller_and_another_is_not() {
        let wrong = WrongKeys::new(RATES);
        for last in ["2001:db8::1", "2001:db8::2"] {
            assert_eq!(wrong.take(last.parse().unwrap()), Ok(()));
        }
        assert!(wrong.take("2001:db8::3".parse().unwrap()).is_err_and(|seconds| (1..=60).contains(&seconds)));
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
