//! How what the sources say becomes customers.

mod after;
pub mod apply;
mod capped;
mod derive;
pub mod explain;
mod gather;
pub mod inbox;
pub mod rebuild;
mod work;
