//! Explains why a webhook fails its verification. `comparison.rs`, `secret_forms.rs` and `body_forms.rs` try the
//! usual mistakes; `form.rs` looks at the form of a signature only.

pub mod attempt;
pub mod body_forms;
pub mod comparison;
pub mod explain;
pub mod form;
pub mod reason;
mod secret_forms;
