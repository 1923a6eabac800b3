//! Reads everything that a source has: once in full (backfill), and later again, to find and repair changes
//! that no webhook reported (reconcile). If a source can list changes since a time, incremental runs read these
//! in between.
//!
//! One runner at a time reads a stream, over all replicas. It saves its progress after each step, so that a
//! runner that resumes after a crash continues there. Applying a change twice has no effect. Values from the
//! source and from webhooks are compared by the source's own time stamps, so both may arrive at the same time.
//!
//! [`SyncRunner`] runs a stream. `list` reads a list page by page, `per_record` makes a call for each stored item, and
//! `deletions` finds records that a list no longer has.

mod account;
mod deletions;
mod due;
pub mod follow_up;
pub mod follow_up_requests;
mod list;
mod per_record;
mod progress;
mod run;
mod runner;
pub mod schedule;

pub use self::account::SyncAccount;
pub use self::due::next_run_at;
pub use self::progress::{Listener, Progress, ProgressEvent, RunState, SyncMode};
pub use self::runner::{RunEnd, SyncError, SyncRunner};
