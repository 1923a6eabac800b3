//! How what the sources say becomes customers.

mod after;
pub mod apply;
mod capped;
mod derive;
mod work;
