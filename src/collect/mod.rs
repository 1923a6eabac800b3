//! How what the sources say becomes customers.

mod after;
pub mod apply;
pub mod cancelling;
mod capped;
mod derive;
pub mod erasure;
pub mod explain;
pub mod export;
pub mod follow_up;
mod gather;
pub mod inbox;
pub mod live;
mod places;
pub mod rebuild;
pub mod reply;
pub mod sync;
mod unread;
mod work;
