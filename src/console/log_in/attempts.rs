//! Limits attempts to come in, by network.

use actix_web::HttpRequest;

use crate::console::reply::Refusal;
use crate::console::state::Console;

/// Counts an attempt of a network.
///
/// # Errors
/// If there were too many.
pub(super) fn count_attempt(console: &Console, request: &HttpRequest) -> Result<(), Refusal> {
    let Some(peer) = request.peer_addr() else { return Ok(()) };
    let caller = console.proxies.caller(peer.ip(), request.headers()).for_limits();
    console.attempts.take(caller).map_err(Refusal::TooMany)
}

/// The refusal of a wrong code. Too many of them from one network are refused without a reason.
pub(super) fn wrong_code(console: &Console, request: &HttpRequest, text: String) -> Refusal {
    tracing::warn!("somebody sent a wrong code to the console");
    count_attempt(console, request).err().unwrap_or(Refusal::Mistake(text))
}
