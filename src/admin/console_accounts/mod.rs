//! Accounts of people in the console, each by an invitation.

mod attempts;
pub mod invitations;
pub mod log_in;
pub mod manage;
mod password_error;
pub mod password_rules;
pub mod passwords;
