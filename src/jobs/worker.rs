//! The loop of a worker: it repeats a step until the service shuts down.

use std::time::Duration;

use super::tasks::BackgroundTasks;

/// What a worker does after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next step, at once: there may be more work.
    Step,
    /// It waits this long, because there was no work, or until it is woken.
    WaitForWork(Duration),
    /// It waits this long, because the step failed, or to collect more work. New work does not end the pause.
    Pause(Duration),
}

/// Something that works step by step.
pub trait Worker {
    /// Does the next part of the work.
    fn step(&mut self) -> impl Future<Output = Next> + Send;

    /// Completes when new work arrives.
    fn woken(&self) -> impl Future<Output = ()> + Send;
}

/// Runs a worker until the service shuts down, then finishes its current step.
pub async fn run(worker: &mut impl Worker, background: &BackgroundTasks) {
    while !background.is_ending() {
        match worker.step().await {
            Next::Step => {}
            Next::WaitForWork(pause) => tokio::select! {
                _ = tokio::time::timeout(pause, worker.woken()) => {}
                () = background.until_ending() => {}
            },
            Next::Pause(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = background.until_ending() => {}
            },
        }
    }
}
