//! Closes connections that have no complete request for too long. The HTTP server itself limits the time until the head
//! of the first request, and the idle time after a response. But once a later request has begun, it would wait for the
//! end of its head without limit.

use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;
use parking_lot::{Mutex, MutexGuard};
use socket2::{SockRef, Socket};

/// How long a connection may be without a request. This is longer than both limits of the HTTP server.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// How often the connections are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// An open connection.
pub struct Connection {
    // A second handle of the same connection. Both are closed together.
    socket: Socket,
    state: Mutex<State>,
}

struct State {
    in_flight: u32,
    quiet_since: Instant,
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Marks a request as in flight on its connection, until it is dropped.
pub struct RequestInFlight(Arc<Connection>);

/// Marks a request as in flight until the result is dropped.
#[must_use]
pub fn in_flight(request: &ServiceRequest) -> Option<RequestInFlight> {
    let connection = Arc::clone(request.conn_data::<Arc<Connection>>()?);
    let mut state = connection.state();
    state.in_flight = state.in_flight.saturating_add(1);
    drop(state);
    Some(RequestInFlight(connection))
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        *state =
            State { in_flight: state.in_flight.saturating_sub(1), quiet_since: Instant::now() };
    }
}

/// The open connections of a server.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Vec<Weak<Connection>>>>);

impl Connections {
    /// Watches a new connection. If the system allows no more handles, the connection is not watched.
    pub fn add(&self, stream: &TcpStream, data: &mut Extensions) {
        let Ok(socket) = SockRef::from(stream).try_clone() else { return };
        let connection = Arc::new(Connection {
            socket,
            state: Mutex::new(State { in_flight: 0, quiet_since: Instant::now() }),
        });
        self.all().push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Closes idle connections, in a loop without end.
    pub async fn close_idle(self) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            self.all().retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                let state = connection.state();
                if state.in_flight == 0 && state.quiet_since.elapsed() > MAX_IDLE {
                    let _ = connection.socket.shutdown(Shutdown::Both);
                }
                true
            });
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<Connection>>> {
        self.0.lock()
    }
}
