//! Parts that every HTTP request passes: client address, API keys, rate limits, problems, health, pages, the API document.

pub mod api_keys;
pub mod client_ip;
pub mod form;
pub mod health;
pub mod idle_connections;
pub mod middleware;
pub mod openapi;
pub mod pages;
pub mod problem;
pub mod rate_limits;
pub mod readiness;
pub mod request_body_guard;
pub mod request_log;
pub mod request_metrics;
mod request_trace;
pub mod route;
