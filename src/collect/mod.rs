//! How what the sources say becomes customers.

pub mod apply;
mod derive;
