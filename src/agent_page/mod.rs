//! The agent page: an answer can have a link to a page with the whole customer, which an agent opens from the ticket, without
//! an account.
//!
//! The token of a link (`token.rs`) comes after the `#`, so no request has it in its URL. A small script sends it in a form, and
//! the browser gets a cookie (`cookie.rs`) for the page of this customer alone. `handler.rs` answers, `page.rs` makes the page
//! from actions of `admin/`.

mod assets;
mod cookie;
mod handler;
pub mod links;
mod page;
mod reply;
mod report;
pub mod settings;
mod shown;
mod state;
pub mod token;
mod words;

pub use self::handler::{MAX_BODY_BYTES, asset, exchange, open, report, view};
pub use self::state::{AgentPage, AgentPageParts};
