//! Erasing a person for good.
//!
//! A ledger names who was erased, by keyed hashes only: their records, events and addresses. It is written before the first
//! delete, in a file (`file`) and in the database, and from then on:
//!
//! - the write path drops what the ledger names (`sieve`), under the brand's lock, so that nobody writes what was read before;
//! - what is there of them is deleted, and whoever is touched is made anew (`forgetting`), inbox included (`inbox`);
//! - the file and the database are kept alike, and what came back with an old backup is erased again (`reconcile`).
//!
//! An address that only the erased person had is enough to be dropped by. One that others have as well, or may have (a
//! role's mailbox), is so only together with the person's name: the other half of a couple must not vanish with the first.

pub mod body_scan;
pub mod erase;
pub mod export;
pub mod purge;
pub(crate) mod purge_inbox;
pub mod reconcile;
pub mod suppression_file;
