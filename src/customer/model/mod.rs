//! The data of the sources as values: records, events, identifiers, and the parsers of e-mail addresses, phone numbers
//! and names.

pub mod country;
pub mod email;
pub mod event;
pub mod field_versions;
pub mod folded_name;
pub mod folding;
pub mod identifier;
pub mod mailbox;
pub mod name;
pub mod name_forms;
pub mod phone;
pub mod phone_field;
pub mod phone_spelling;
pub mod placeholder;
pub mod record;
pub mod source;
pub mod spellings;
pub mod text;
pub mod titles;
pub mod unread;
