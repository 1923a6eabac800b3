//! The console, as people in a browser see it.

mod browser;
mod lists;
mod reviews;
