//! Jobs that run again and again, for as long as the service runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::tasks::BackgroundTasks;

/// Starts jobs that share what they need.
pub struct Schedule<C> {
    context: Arc<C>,
    background: BackgroundTasks,
}

impl<C: Send + Sync + 'static> Schedule<C> {
    /// A schedule without jobs.
    #[must_use]
    pub fn new(context: C, background: &BackgroundTasks) -> Self {
        Self { context: Arc::new(context), background: background.clone() }
    }

    /// Runs a job now, and again after each pause. A job that panics runs again like any other.
    pub fn now_and_every<F>(&self, pause: Duration, name: &'static str, job: fn(Arc<C>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(Duration::ZERO, pause, name, job);
    }

    /// Like [`now_and_every`](Self::now_and_every), but the first run also waits for the pause.
    pub fn every<F>(&self, pause: Duration, name: &'static str, job: fn(Arc<C>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(pause, pause, name, job);
    }

    fn start<F>(&self, first: Duration, pause: Duration, name: &'static str, job: fn(Arc<C>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let context = Arc::clone(&self.context);
        self.background.spawn_endless(async move {
            tokio::time::sleep(first).await;
            loop {
                let run = AssertUnwindSafe(job(Arc::clone(&context))).catch_unwind();
                if run.await.is_err() {
                    tracing::error!(
                        job = name,
                        "internal error (panic) in a scheduled job; please report it"
                    );
                }
                tokio::time::sleep(pause).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_runs_again() {
        let (background, runs) = (BackgroundTasks::new(), Arc::new(AtomicUsize::new(0)));
        let schedule = Schedule::new(Arc::clone(&runs), &background);
        schedule.now_and_every(Duration::from_millis(1), "test", |runs| async move {
            assert!(runs.fetch_add(1, Ordering::SeqCst) != 0, "the first run panics");
        });
        while runs.load(Ordering::SeqCst) < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        background.end().await;
        assert_eq!(background.tasks(), 0);
    }
}
