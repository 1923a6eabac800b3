//! Background work: tasks that a shutdown cancels or waits for, workers, scheduled jobs, and when to try again.

pub mod retry;
pub mod schedule;
pub mod tasks;
pub mod worker;
