//! The login provider of the company: OpenID Connect, with the authorization code flow.
//!
//! `provider.rs` knows the provider, `log_in.rs` takes a person there and reads the token that comes back, `claims.rs`
//! says who the person is and what they may do, `http.rs` sends requests. A log-in keeps nothing in memory: another
//! replica can end it.

mod claims;
mod http;
mod log_in;
mod problem;
mod provider;

pub use self::claims::Identity;
pub use self::log_in::LogInSecrets;
pub use self::problem::OidcProblem;
pub use self::provider::Provider;
