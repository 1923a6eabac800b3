//! The clients of the sources' APIs, one for each account of a brand at a source. Every request to a source goes
//! through them.
//!
//! A call waits for the rate limit that all replicas share. Identical calls at the same time are made once. The
//! source's own API connector builds the request and parses the response. If calls fail again and again, a circuit
//! breaker stops them for a while.

mod account_rate_limit;
mod allowed_origins;
mod auth;
mod backoff;
mod breaker;
mod client;
mod clients;
mod connect_timing;
mod error;
mod factory;
mod fair_share;
mod http;
mod next_grant;
mod priority;
mod queue;
mod rate_limit_headers;
mod rate_limiter;
mod shared_call;
pub(crate) mod tls_error;

pub use self::client::UpstreamClient;
pub use self::clients::UpstreamClients;
pub use self::error::CallError;
pub use self::factory::UpstreamClientFactory;
pub use self::fair_share::Window;
pub use self::priority::CallPriority;
pub use crate::certificate_problem::CertificateProblem;
