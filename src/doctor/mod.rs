//! Finds out what is wrong, and says what to do. `contract/` examines a hookpoint from outside, this service's or any
//! other. `service/` examines this service: its settings, database, files, sources, and how it is reached.

pub mod contract;
pub mod finding;
pub(crate) mod http;
pub mod service;

pub use self::http::NoTls;
