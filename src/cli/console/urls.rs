//! Where links to the console lead.

use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::console::ConsoleUrls;

/// Where the console is. Links lead nowhere if there is none.
pub(super) fn console_urls(session: &Session) -> Result<ConsoleUrls, Failure> {
    let console = &session.file.console;
    if console.listen.is_empty() {
        return Err(Failure::mistake(
            "the console is off: console.listen is empty in the settings",
        ));
    }
    Ok(ConsoleUrls::new(console, &console.listen))
}
