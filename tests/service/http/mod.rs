//! What every request passes.

mod access;
