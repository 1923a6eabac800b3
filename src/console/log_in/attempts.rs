//! Limits attempts to come in, by network.

use std::net::IpAddr;

use actix_web::HttpRequest;

use crate::console::reply::Refusal;
use crate::console::state::Console;
use crate::http::rate_limits::network_of;

/// Counts an attempt of a network.
///
/// # Errors
/// If there were too many.
pub(super) fn count_attempt(console: &Console, request: &HttpRequest) -> Result<(), Refusal> {
    let Some(network) = network(console, request) else { return Ok(()) };
    console.attempts.take(network).map_err(Refusal::TooMany)
}

/// The network of a browser.
pub(super) fn network(console: &Console, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?;
    Some(network_of(console.proxies.caller(peer.ip(), request.headers()).for_limits()))
}

/// The refusal of a wrong code. Too many of them from one network are refused without a reason.
pub(super) fn wrong_code(console: &Console, request: &HttpRequest, text: String) -> Refusal {
    tracing::warn!("somebody sent a wrong code to the console");
    count_attempt(console, request).err().unwrap_or(Refusal::Mistake(text))
}
