//! Answers Omnidesk's customer lookup: who is this?
//!
//! `src/README.md` is the map: what each module is, what it may not do, and one walk each through a lookup, a webhook, a change
//! and a call to a source.

pub mod admin;
pub mod agent_page;
pub mod app;
pub mod backoff;
pub mod brand;
pub mod certificate_problem;
pub mod cli;
pub mod clock;
pub mod concurrency;
pub mod console;
pub mod counted;
pub mod customer;
pub mod demo;
pub mod doctor;
pub mod erasure;
mod hash_of_hash;
pub mod http;
pub mod inbox;
pub mod ingest;
pub mod jobs;
pub mod lookup;
pub mod oidc;
pub mod record_links;
pub mod sealed_texts;
pub mod settings;
pub mod sources;
pub mod storage;
pub mod sync;
pub mod telemetry;
pub mod upstream;
pub mod webhooks;
