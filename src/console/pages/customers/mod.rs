//! Customers: the search, the page of one, its timeline, and what people do with it.

pub(super) mod acts;
pub(super) mod erase;
pub(super) mod export;
mod history;
mod join;
pub(super) mod page;
pub(super) mod search;
pub(super) mod timeline;
mod why;
