//! The arguments of `hookpoint demo`.

use std::net::SocketAddr;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,
    /// API key for lookups. Default: "demo" if only this machine can reach the demo, otherwise a random key
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) key: Option<String>,
    /// Set the rate limits to this many requests per second, for load tests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit_per_second: Option<u32>,
}
