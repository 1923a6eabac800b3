//! Background tasks: one place starts them, cancels them, and waits for them.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts tasks on the main runtime, also from the server's worker threads.
#[derive(Debug, Clone)]
pub struct BackgroundTasks {
    runtime: Handle,
    tasks: TaskTracker,
    closing: CancellationToken,
    draining: CancellationToken,
    ending: CancellationToken,
}

impl BackgroundTasks {
    /// A task set that uses the current runtime.
    #[must_use]
    pub fn new() -> Self {
        Self {
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            draining: CancellationToken::new(),
            ending: CancellationToken::new(),
        }
    }

    /// Starts a task that ends by itself. A shutdown waits for it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn_on(task, &self.runtime));
    }

    /// Starts a task without an end. A shutdown drops it at its next await.
    pub fn spawn_endless(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.spawn(async move {
            let _ = ending.run_until_cancelled_owned(task).await;
        });
    }

    /// The number of tasks that have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Starts to close connections: each ends after its next response.
    pub fn close_connections(&self) {
        self.closing.cancel();
    }

    /// Whether connections end after their next response.
    #[must_use]
    pub fn closes_connections(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Starts to drain: `/health/ready` fails, so that load balancers use other replicas. Requests are still answered,
    /// and connections end.
    pub fn drain(&self) {
        self.close_connections();
        self.draining.cancel();
    }

    /// Whether the service is draining.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether the service is shutting down.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Completes when the service starts to shut down.
    pub async fn until_ending(&self) {
        self.ending.cancelled().await;
    }

    /// Cancels tasks without an end, and waits for all others.
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
