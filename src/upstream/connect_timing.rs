//! Records when a connection was made, including its TLS handshake. A request that waited for its connection reaches
//! the source later than its grant assumes. Only the layer that connects can tell this from a source that answers
//! slowly.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tower_layer::Layer;
use tower_service::Service;

/// The state of the connection of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ConnectState {
    /// The request needed no new connection.
    #[default]
    No,
    /// A connection is being made.
    Begun,
    /// The connection was made at this time.
    Done(Instant),
}

impl ConnectState {
    /// The latest time at which a request was sent. The request began at `began` and is answered now.
    pub(super) fn sent_by(self, began: Instant) -> Instant {
        match self {
            Self::No => began,
            // Another connection became free before this one was made.
            Self::Begun => Instant::now(),
            Self::Done(at) => at,
        }
    }
}

tokio::task_local! {
    static CONNECT_STATE: Arc<Mutex<ConnectState>>;
}

/// Sends a request, and records the state of its connection.
pub(super) async fn watched<T>(
    connect_state: &Arc<Mutex<ConnectState>>,
    sending: impl Future<Output = T>,
) -> T {
    CONNECT_STATE.scope(Arc::clone(connect_state), sending).await
}

/// The layer that records when connections are made. Connections that are made in advance belong to no request.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectTiming;

impl<S> Layer<S> for ConnectTiming {
    type Service = ConnectTimingLayer<S>;

    fn layer(&self, inner: S) -> ConnectTimingLayer<S> {
        ConnectTimingLayer(inner)
    }
}

/// The service that connects, and records the time.
#[derive(Debug, Clone)]
pub(super) struct ConnectTimingLayer<S>(S);

impl<S, R> Service<R> for ConnectTimingLayer<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connect_state = CONNECT_STATE.try_with(Arc::clone).unwrap_or_default();
        *connect_state.lock() = ConnectState::Begun;
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connected = connecting.await;
            if connected.is_ok() {
                *connect_state.lock() = ConnectState::Done(Instant::now());
            }
            connected
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// A connection that the test completes.
    struct Connector(Option<oneshot::Receiver<()>>);

    impl Service<()> for Connector {
        type Response = ();
        type Error = oneshot::error::RecvError;
        type Future = oneshot::Receiver<()>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            self.0.take().unwrap()
        }
    }

    #[tokio::test]
    async fn a_request_was_sent_when_its_connection_was_there() {
        let (sender, receiver) = oneshot::channel();
        let mut dialler = ConnectTiming.layer(Connector(Some(receiver)));
        let (began, connect_state) = (Instant::now(), Arc::<Mutex<ConnectState>>::default());
        let is = |expected: ConnectState| assert_eq!(*connect_state.lock(), expected);
        is(ConnectState::No);
        watched(&connect_state, async {
            let connecting = dialler.call(());
            is(ConnectState::Begun);
            sender.send(()).unwrap();
            connecting.await.unwrap();
        })
        .await;
        let sent_by = connect_state.lock().sent_by(began);
        assert!(sent_by > began);
    }

    #[tokio::test]
    async fn one_whose_own_connection_never_was_there_was_sent_before_its_answer() {
        let (sender, receiver) = oneshot::channel();
        let mut dialler = ConnectTiming.layer(Connector(Some(receiver)));
        let connect_state = Arc::default();
        drop(sender);
        assert!(watched(&connect_state, async { dialler.call(()).await }).await.is_err());
        let began = Instant::now();
        assert!(connect_state.lock().sent_by(began) > began);
    }
}
