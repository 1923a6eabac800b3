//! Work beside requests: started in one place, told to end, waited for.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts tasks on the main runtime, also from the server's worker threads.
#[derive(Debug, Clone)]
pub struct BackgroundTasks {
    runtime: Handle,
    tasks: TaskTracker,
    draining: CancellationToken,
    ending: CancellationToken,
}

impl BackgroundTasks {
    /// Tasks will run on the current runtime.
    #[must_use]
    pub fn new() -> Self {
        Self { runtime: Handle::current(), tasks: TaskTracker::new(), draining: CancellationToken::new(), ending: CancellationToken::new() }
    }

    /// Starts a task that ends by itself soon.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn_on(task, &self.runtime));
    }

    /// Starts a task that is dropped at its next await when the service ends.
    pub fn spawn_endless(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.spawn(async move {
            let _ = ending.run_until_cancelled_owned(task).await;
        });
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// From now on balancers should look elsewhere; requests are still answered.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Whether balancers should look elsewhere.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether the service is ending.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Completes when the service is ending.
    pub async fn until_ending(&self) {
        self.ending.cancelled().await;
    }

    /// Ends endless tasks and waits for all.
    pub async fn end(&self) {
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Default for BackgroundTasks {
    fn default() -> Self {
        Self::new()
    }
}
