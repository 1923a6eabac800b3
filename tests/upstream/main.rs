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

mod authority;
mod budget;
mod calls;
mod http2;
mod limits;
mod privacy;
mod streams;
mod support;
mod tls;
mod token;
mod vendor;
