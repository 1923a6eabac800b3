//! What every request passes.

mod access;
mod metrics;
mod request_log;
