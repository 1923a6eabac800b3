//! Calls to the sources' APIs: how often, to which addresses, and how responses are handled.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]
#![allow(clippy::disallowed_methods)]

mod auth;
mod authority;
mod breaker;
mod client;
#[path = "../harness/cluster.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod cluster;
mod http2;
mod privacy;
mod rate_limit_headers;
mod rate_limiter;
mod simulated_source;
mod streams;
mod support;
mod tls;
