//! The span to which the spans of further steps belong, for work that runs as one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use uuid::Uuid;

use super::span::{Span, SpanContext, SpanName};
use super::tracer::Tracer;

/// The most spans below one. A sync run makes thousands of calls, and the metrics count them all.
const MAX_CHILDREN: u32 = 100;

tokio::task_local! {
    static CURRENT: Arc<Scope>;
}

/// A span that has not ended, to which further spans belong.
#[derive(Debug)]
pub struct Scope {
    tracer: Tracer,
    context: SpanContext,
    left: AtomicU32,
}

impl Scope {
    fn new(tracer: &Tracer, context: SpanContext) -> Arc<Self> {
        Arc::new(Self { tracer: tracer.clone(), context, left: AtomicU32::new(MAX_CHILDREN) })
    }

    /// The ids of the span.
    #[must_use]
    pub const fn context(&self) -> SpanContext {
        self.context
    }
}

/// Does work whose spans belong to a scope. Without one, the work has no spans.
pub async fn within<T>(scope: Option<Arc<Scope>>, work: impl Future<Output = T>) -> T {
    match scope {
        Some(scope) => CURRENT.scope(scope, Box::pin(work)).await,
        None => work.await,
    }
}

/// The scope of the work that runs now. Work that another task does for it needs it.
#[must_use]
pub fn current() -> Option<Arc<Scope>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Begins a step of the work that runs now. `None` if that is not traced.
#[must_use]
pub fn open(name: SpanName) -> Option<OpenSpan> {
    let scope = current()?;
    let take = |left: u32| left.checked_sub(1);
    scope.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
    Some(OpenSpan { scope, name, started_at: Instant::now(), waited_ms: None })
}

/// A step that has not ended.
#[derive(Debug)]
pub struct OpenSpan {
    scope: Arc<Scope>,
    name: SpanName,
    started_at: Instant,
    waited_ms: Option<u64>,
}

impl OpenSpan {
    /// The step waited until now.
    pub fn note_wait(&mut self) {
        let waited = self.started_at.elapsed().as_millis();
        self.waited_ms = u64::try_from(waited).ok();
    }

    /// Ends the step, with what is to be said of it.
    pub fn end(self, describe: impl FnOnce(Span) -> Span) {
        let Self { scope, name, started_at, waited_ms } = self;
        let span = Span::new(name, scope.context.child(), started_at, Instant::now());
        let span = span.child_of(scope.context).with_some("hookpoint.wait_ms", waited_ms);
        scope.tracer.send(vec![describe(span)]);
    }
}

impl Tracer {
    /// The scope for the sources that a request asks. `None` if the request is not in the sample.
    #[must_use]
    pub fn scope_of(&self, request_id: Uuid) -> Option<Arc<Scope>> {
        let context = || SpanContext::of_request(request_id).child();
        self.samples(request_id).then(|| Scope::new(self, context()))
    }

    /// Does background work as a trace of its own, if it gets into the sample. `describe` adds the attributes of the result.
    pub async fn trace<T>(
        &self,
        name: SpanName,
        work: impl Future<Output = T>,
        describe: impl FnOnce(Span, &T) -> Span,
    ) -> T {
        let id = if self.is_on() { Uuid::new_v4() } else { Uuid::nil() };
        if !self.samples(id) {
            return work.await;
        }
        let (context, started_at) = (SpanContext::of_request(id), Instant::now());
        let done = within(Some(Scope::new(self, context)), work).await;
        let span = Span::new(name, context, started_at, Instant::now());
        self.send(vec![describe(span, &done)]);
        done
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn steps_belong_to_the_work_that_runs_and_have_a_limit() {
        let (sender, mut receiver) = mpsc::channel(1_000);
        let tracer = Tracer::new(100, sender);
        assert!(open(SpanName::SourceCall).is_none(), "nothing runs");
        let work = async {
            (0..MAX_CHILDREN * 2)
                .filter_map(|_| open(SpanName::SourceCall))
                .for_each(|span| span.end(|span| span));
        };
        tracer.trace(SpanName::SyncRun, work, |span, ()| span.with("hookpoint.stream", "x")).await;
        let mut spans = Vec::new();
        while let Ok(sent) = receiver.try_recv() {
            spans.extend(sent);
        }
        let root = spans.pop().unwrap();
        assert_eq!((root.name, root.parent), (SpanName::SyncRun, None));
        assert_eq!(spans.len(), 100);
        assert!(spans.iter().all(|span| span.parent == Some(root.context)));
    }
}
