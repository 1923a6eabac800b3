//! Answers Omnidesk's customer lookup: who is this?
//!
//! The map of the house, from the question to the answer and from the sources to the store:
//!
//! ```text
//! Omnidesk ── lookup ──> answer cache ──> answers (Postgres) ──> live: sources that may know more, inside the deadline
//!                                                       ^
//! sources ── webhooks ──> inbox ────────────────────┐   │
//! sources <── account ──> live, follow-ups, sync ───┴──> apply ──> records ──> identity ──> customers, answers ──> NOTIFY ──> caches
//! ```
//!
//! - [`customer`] is pure: who somebody is, what is known of them, what an agent sees.
//! - [`sources`] knows the vendors' words and turns them into changes.
//! - [`storage`] is the only place with SQL, and runs the embedded Postgres.
//! - [`account`] is everything that goes out to the sources: calls under one budget.
//! - [`receive`] lets webhooks in and stores them.
//! - [`collect`] is the one write path, and forgets a person for good; [`lookup`] is the one read path.
//! - [`access`] lets requests in: networks, keys, limits.
//! - [`app`] knows everything and holds the route table; [`cli`] holds the commands; [`demo`] a believable brand, and a
//!   population that shows how well people are told apart.
//! - [`alarm`] tells when webhooks are not stored or applied, and when they are again.
//! - [`route`] names where requests go; [`problem`] is every error a client can see; [`settings`] everything an operator can choose.

pub mod admin;
pub mod app;
pub mod brand;
pub mod cli;
pub mod clock;
pub mod customer;
pub mod demo;
pub mod erasure;
pub mod http;
pub mod inbox;
pub mod ingest;
pub mod lookup;
pub mod settings;
pub mod sources;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod upstream;
pub mod webhooks;
