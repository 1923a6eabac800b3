//! What every request passes.

mod access;
mod metrics;
mod openapi;
mod request_log;
