//! Background tasks, which a shutdown cancels or waits for.

pub mod tasks;
