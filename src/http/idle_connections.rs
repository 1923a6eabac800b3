//! Connections on which no request comes for too long are closed. The server itself limits how long the first request's head may take,
//! and how long nothing at all may come after an answer; but once the next head has begun, it would wait for its end for ever.

use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// How long a connection may be without a request: longer than both limits of the server itself.
const LONGEST: Duration = Duration::from_secs(10);

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// An open connection.
pub struct Connection {
    // Another handle of the same connection, closed with it.
    socket: Socket,
    state: Mutex<State>,
}

struct State {
    under_way: u32,
    quiet_since: Instant,
}

impl Connection {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way on a connection.
pub struct UnderWay(Arc<Connection>);

/// Notes that a request is under way, until what is returned is dropped.
#[must_use]
pub fn under_way(request: &ServiceRequest) -> Option<UnderWay> {
    let connection = Arc::clone(request.conn_data::<Arc<Connection>>()?);
    let mut state = connection.state();
    state.under_way = state.under_way.saturating_add(1);
    drop(state);
    Some(UnderWay(connection))
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        *state = State { under_way: state.under_way.saturating_sub(1), quiet_since: Instant::now() };
    }
}

/// The open connections of a server.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Vec<Weak<Connection>>>>);

impl Connections {
    /// Looks after a new connection; without it, where the system allows no more handles.
    pub fn add(&self, stream: &TcpStream, data: &mut Extensions) {
        let Ok(socket) = SockRef::from(stream).try_clone() else { return };
        let connection = Arc::new(Connection { socket, state: Mutex::new(State { under_way: 0, quiet_since: Instant::now() }) });
        self.all().push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Closes those on which nothing is asked for too long, for ever.
    pub async fn look(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.all().retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                let state = connection.state();
                if state.under_way == 0 && state.quiet_since.elapsed() > LONGEST {
                    let _ = connection.socket.shutdown(Shutdown::Both);
                }
                true
            });
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Weak<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
