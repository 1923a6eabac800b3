//! Work beside requests: tasks that a shutdown ends or waits for.

pub mod tasks;
