//! The console, as people in a browser see it.

mod browser;
mod inbox;
mod overview;
mod sources;
