//! Erases a person for good.
//!
//! The suppression list contains keyed hashes of the erased persons: of their records, events and addresses. It is
//! written before the first delete, in a file ([`suppression_file`]) and in the database. From then on:
//!
//! - the write path drops data that the list contains (`ingest::suppress`). It does so under the lock of the brand, so
//!   a change that was read before the erasure is not written after it;
//! - stored data of the person is deleted, also from the inbox (`purge_inbox`), and the customers that had something in
//!   common with it are computed again (`ingest::purge`);
//! - the file and the database are kept equal, and data that a restored backup brought back is erased again
//!   ([`reconcile`]).
//!
//! If only the erased person had an address, a record with that address is dropped. If others have it too, or may have
//! it (the mailbox of a department), it is dropped only together with the person's name: erasing one person of a couple
//! must not remove the other.

pub mod body_scan;
mod delivery_content;
mod entries;
pub mod erase;
mod erase_again;
mod erased_share;
pub mod export;
mod named_records;
pub(crate) mod purge_inbox;
pub mod reconcile;
mod suppression_copies;
pub mod suppression_file;
mod suppression_lines;
