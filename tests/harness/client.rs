//! A load client: HTTP/1.1 on kept connections, in a thread of its own. It sends either as soon as a response arrives,
//! or at a fixed rate. At a fixed rate, latency counts from the time when a request was due, so that a delayed request
//! also delays the ones after it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hookpoint::concurrency::short_slices::ask_for_short_slices;
use tokio::sync::Semaphore;

use super::connection::Connection;
use super::figures::Figures;

/// Writes requests and checks responses.
pub trait RequestGenerator: Send + 'static {
    /// Writes the `n`-th request.
    fn ask(&mut self, n: u64, request: &mut Vec<u8>);

    /// Whether the response to the `n`-th request is right.
    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool;
}

/// A response.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// Latency since the request was due.
    pub latency: Duration,
}

/// The size of a load.
#[derive(Clone, Copy)]
pub struct Load {
    address: SocketAddr,
    connections: u32,
    per_second: Option<u32>,
    duration: Duration,
    first: u64,
    requests: u64,
}

/// A load that runs in its thread.
pub struct Running<A> {
    thread: JoinHandle<(Figures, A)>,
    shutdown_signal: Arc<AtomicBool>,
}

/// How long the client waits for the last responses.
const GRACE: Duration = Duration::from_secs(20);

/// The default number of connections.
pub const CONNECTIONS: u32 = 32;

impl Load {
    /// Each connection sends its next request when its response has arrived.
    pub const fn as_fast_as_possible(address: SocketAddr, duration: Duration) -> Self {
        Self {
            address,
            connections: CONNECTIONS,
            per_second: None,
            duration,
            first: 0,
            requests: u64::MAX,
        }
    }

    /// Requests are due at fixed times.
    pub const fn at_rate(address: SocketAddr, per_second: u32, duration: Duration) -> Self {
        Self { per_second: Some(per_second), ..Self::as_fast_as_possible(address, duration) }
    }

    /// Sets the number of connections.
    pub const fn over(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// Sets the number of the first request.
    pub const fn from(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// Limits the number of requests.
    pub const fn requests(self, requests: u64) -> Self {
        Self { requests, ..self }
    }

    /// Starts the load.
    pub fn start<A: RequestGenerator>(self, asker: A) -> Running<A> {
        let shutdown_signal = Arc::new(AtomicBool::new(false));
        let signal = Arc::clone(&shutdown_signal);
        let thread = std::thread::spawn(move || {
            // Clients are on other machines: they do not wait for a processor of this one.
            ask_for_short_slices();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(self.run(asker, &signal))
        });
        Running { thread, shutdown_signal }
    }

    async fn run<A: RequestGenerator>(
        self,
        asker: A,
        shutdown_signal: &Arc<AtomicBool>,
    ) -> (Figures, A) {
        let begin = Instant::now();
        let pacer = self.per_second.map(|per_second| {
            Pacer::start(begin, per_second, self.duration, Arc::clone(shutdown_signal))
        });
        let state = State {
            load: self,
            begin,
            shutdown_signal,
            pacer,
            next: Cell::new(0),
            last_answer: Cell::new(begin),
            figures: RefCell::default(),
            asker: RefCell::new(asker),
        };
        let mut connections: FuturesUnordered<_> =
            (0..self.connections).map(|_| state.send_requests()).collect();
        // Missing responses count as failed after this time.
        let all = async { while connections.next().await.is_some() {} };
        let _ = tokio::time::timeout(self.duration + GRACE, all).await;
        drop(connections);
        let State { figures, asker, last_answer, .. } = state;
        let mut figures = figures.into_inner();
        figures.seconds = (last_answer.get() - begin).as_secs_f64();
        (figures, asker.into_inner())
    }
}

impl<A: RequestGenerator> Running<A> {
    /// Waits for the end of the load.
    pub async fn wait(self) -> (Figures, A) {
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap()
    }

    /// Stops the load early.
    pub async fn end(self) -> (Figures, A) {
        self.shutdown_signal.store(true, Ordering::Relaxed);
        self.wait().await
    }
}

/// Releases requests when they are due, from a thread of its own: the runtime's timer has a resolution of a millisecond
/// only.
struct Pacer {
    per_second: u32,
    due: Arc<Semaphore>,
}

impl Pacer {
    fn start(
        begin: Instant,
        per_second: u32,
        duration: Duration,
        shutdown_signal: Arc<AtomicBool>,
    ) -> Self {
        let due = Arc::new(Semaphore::new(0));
        let pacer = Self { per_second, due: Arc::clone(&due) };
        std::thread::spawn(move || {
            ask_for_short_slices();
            let requests = (f64::from(per_second) * duration.as_secs_f64()) as u64;
            for n in 0..requests {
                let at = begin + time_of(n, per_second);
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                if shutdown_signal.load(Ordering::Relaxed) || due.is_closed() {
                    break;
                }
                due.add_permits(1);
            }
            // Requests that are already due are still sent.
            while due.available_permits() > 0
                && !shutdown_signal.load(Ordering::Relaxed)
                && !due.is_closed()
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            due.close();
        });
        pacer
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.due.close();
    }
}

fn time_of(n: u64, per_second: u32) -> Duration {
    Duration::from_nanos(n * 1_000_000_000 / u64::from(per_second))
}

/// State that the connections of a load share.
struct State<'a, A> {
    load: Load,
    begin: Instant,
    shutdown_signal: &'a AtomicBool,
    pacer: Option<Pacer>,
    next: Cell<u64>,
    last_answer: Cell<Instant>,
    figures: RefCell<Figures>,
    asker: RefCell<A>,
}

impl<A: RequestGenerator> State<'_, A> {
    async fn send_requests(&self) {
        let (mut connection, mut request) =
            (Connection::new(self.load.address), Vec::with_capacity(256));
        while let Some((n, due)) = self.next_request().await {
            let n = self.load.first + n;
            request.clear();
            self.asker.borrow_mut().ask(n, &mut request);
            self.figures.borrow_mut().asked += 1;
            let sent = Instant::now();
            let Ok(response) = connection.ask(&request).await else {
                // A pause, so that an unavailable service does not get requests in a tight loop.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let now = Instant::now();
            self.last_answer.set(now);
            let answer = Answer {
                status: response.status,
                body: response.body,
                latency: now - due.unwrap_or(sent),
            };
            let is_right = self.asker.borrow_mut().is_right(n, &answer);
            let mut figures = self.figures.borrow_mut();
            figures.count(answer.status, answer.latency, is_right);
            figures.note_late(now - self.begin, answer.latency);
        }
    }

    /// The number of the next request, and when it was due. `None` if there is no more.
    async fn next_request(&self) -> Option<(u64, Option<Instant>)> {
        let due = match &self.pacer {
            Some(pacer) => {
                pacer.due.acquire().await.ok()?.forget();
                Some(self.begin + time_of(self.next.get(), pacer.per_second))
            }
            None if self.shutdown_signal.load(Ordering::Relaxed)
                || self.begin.elapsed() >= self.load.duration =>
            {
                return None;
            }
            None => None,
        };
        if self.next.get() >= self.load.requests {
            self.pacer.iter().for_each(|pacer| pacer.due.close());
            return None;
        }
        Some((self.next.replace(self.next.get() + 1), due))
    }
}
