//! The console: what people need to see and decide, in a browser. Pages are made on the server, and work without
//! JavaScript. Everything that a page does is an action of `admin/`.
//!
//! People come in through `log_in/`. Every other request goes through `server.rs`: is it from our own page
//! (`cross_site.rs`), who is it (`members.rs`), may they (`route.rs`)? Only then its page is made (`pages/`).

mod assets;
mod cross_site;
mod form_address;
mod frame;
mod log_in;
mod members;
mod pages;
mod refusals;
mod render;
mod reply;
pub mod route;
mod server;
mod shown;
mod shown_customers;
mod state;
mod templates;
mod turns;
mod urls;
mod visit;
mod wanted_page;
mod way_back;

pub use self::server::{console_routes, own_error_pages};
pub use self::state::{Console, ConsoleParts};
pub use self::urls::ConsoleUrls;
