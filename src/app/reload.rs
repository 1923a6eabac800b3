//! Takes over changed settings without a restart: a new generation starts beside the running one, and replaces it as
//! soon as it is ready. If it does not get ready, the running one goes on.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use futures_util::future::BoxFuture;

use super::error::StartError;
use super::foundation::Foundation;
use super::generation::{Generation, end_tasks};
use super::maintenance::ERASURE_TIMEOUT;
use crate::brand::BrandRules;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;

/// How long a new generation may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the derivation with changed settings waits after a reload: until the former generation, and those of other
/// replicas, have stored their last changes by the former rules.
const REDERIVE_DELAY: Duration = Duration::from_secs(60);

/// Ends when the next generation answers.
pub type Reload = BoxFuture<'static, Result<Reloaded, StartError>>;

/// A generation that answers instead of the running one.
pub struct Reloaded {
    pub(super) next: Box<Generation>,
    /// The changed settings that are only used after a restart.
    pub needs_restart: Vec<&'static str>,
}

/// What the next generation must know of the running one.
pub(super) struct Outgoing {
    file: SettingsFile,
    connections: BackgroundTasks,
    jobs: BackgroundTasks,
    servers: Vec<ServerHandle>,
}

impl Generation {
    pub(super) fn outgoing(&self) -> Outgoing {
        Outgoing {
            file: self.file.clone(),
            connections: self.services.background.clone(),
            jobs: self.jobs.clone(),
            servers: self.servers.iter().map(|server| server.handle.clone()).collect(),
        }
    }
}

/// Starts the next generation, and lets it answer instead of the running one.
pub(super) async fn replace(
    foundation: Arc<Foundation>,
    outgoing: Outgoing,
    mut file: SettingsFile,
    rules: Vec<BrandRules>,
) -> Result<Reloaded, StartError> {
    let needs_restart = keep_what_needs_restart(&outgoing.file, &mut file);
    let now = foundation.clock.now();
    // A command may be erasing somebody right now.
    let erasures_before = now.checked_sub(ERASURE_TIMEOUT).unwrap_or(now);
    let prepared = Generation::prepare(file, rules, &foundation, erasures_before).await?;
    let mut next = Box::new(prepared);
    next.readiness.set_prepared();
    let ready = tokio::time::timeout(READY_TIMEOUT, next.readiness.until_ready()).await;
    let served = match ready {
        Ok(()) => next.serve(&foundation),
        Err(_) => Err(StartError::NotReady),
    };
    if let Err(error) = served {
        end_tasks(&next.services.background).await;
        return Err(error);
    }
    // New connections are the next generation's. Each open one ends after its next response.
    for server in &outgoing.servers {
        server.pause().await;
    }
    outgoing.connections.close_connections();
    end_tasks(&outgoing.jobs).await;
    next.start_jobs(&foundation, REDERIVE_DELAY);
    Ok(Reloaded { next, needs_restart })
}

/// Settings that are only read at the start keep their values. Returns those that would change.
fn keep_what_needs_restart(current: &SettingsFile, next: &mut SettingsFile) -> Vec<&'static str> {
    let mut kept = Kept(Vec::new());
    let (old, new) = (&current.server, &mut next.server);
    kept.keep("server.listen", &old.listen, &mut new.listen);
    kept.keep("server.metrics_listen", &old.metrics_listen, &mut new.metrics_listen);
    kept.keep("console.listen", &current.console.listen, &mut next.console.listen);
    let (old, new) = (&current.database, &mut next.database);
    kept.keep("database.url", &old.url, &mut new.url);
    kept.keep("database.url_file", &old.url_file, &mut new.url_file);
    kept.keep("database.data_dir", &old.data_dir, &mut new.data_dir);
    kept.keep("database.postgres_bin", &old.postgres_bin, &mut new.postgres_bin);
    kept.keep("database.download_postgres", &old.download_postgres, &mut new.download_postgres);
    let buffers = (&old.shared_buffers_megabytes, &mut new.shared_buffers_megabytes);
    kept.keep("database.shared_buffers_megabytes", buffers.0, buffers.1);
    kept.keep("database.max_connections", &old.max_connections, &mut new.max_connections);
    let (old, new) = (&current.telemetry, &mut next.telemetry);
    kept.keep("telemetry.format", &old.format, &mut new.format);
    kept.keep("telemetry.level", &old.level, &mut new.level);
    kept.0
}

/// The changed settings that were not taken over.
struct Kept(Vec<&'static str>);

impl Kept {
    fn keep<T: Clone + PartialEq>(&mut self, name: &'static str, current: &T, next: &mut T) {
        if current != next {
            self.0.push(name);
            next.clone_from(current);
        }
    }
}
