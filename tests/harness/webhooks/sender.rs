//! Sends webhooks as vendors do: over several connections, with retries, until all are acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::{Webhook, signing};
use crate::harness::connection::Connection;
use crate::harness::rng::Rng;

/// The timeout of a response. The service promises one within a second.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Sends released webhooks in a thread of its own.
pub struct Sender {
    state: Arc<SenderState>,
    thread: JoinHandle<()>,
}

/// The state of the sender.
struct SenderState {
    brand: String,
    webhooks: Arc<Vec<Webhook>>,
    replicas: Vec<SocketAddr>,
    /// Whether retries go before webhooks that were never sent.
    is_in_order: bool,
    /// The webhooks that wait to be sent, by number. A duplicate number is sent twice.
    waiting: Mutex<VecDeque<usize>>,
    /// How many more may be sent for the first time.
    released: AtomicUsize,
    acknowledged: Vec<AtomicU32>,
    acknowledgements: AtomicUsize,
    of: usize,
    shutdown_signal: AtomicBool,
    /// Failures by status, with 0 for no response.
    failures: Mutex<BTreeMap<u16, usize>>,
}

impl Sender {
    /// Starts a sender with a given order, to any replica. Nothing is sent before it is released.
    pub fn start(
        brand: &str,
        webhooks: Arc<Vec<Webhook>>,
        order: Vec<usize>,
        replicas: Vec<SocketAddr>,
        connections: u64,
    ) -> Self {
        Self::start_with(brand, webhooks, order, replicas, connections, false)
    }

    /// Like [`start`](Self::start), but retries go before webhooks that were never sent. So if as many are acknowledged
    /// as were released, they are the first of the order.
    pub fn start_in_order(
        brand: &str,
        webhooks: Arc<Vec<Webhook>>,
        order: Vec<usize>,
        replicas: Vec<SocketAddr>,
        connections: u64,
    ) -> Self {
        Self::start_with(brand, webhooks, order, replicas, connections, true)
    }

    fn start_with(
        brand: &str,
        webhooks: Arc<Vec<Webhook>>,
        order: Vec<usize>,
        replicas: Vec<SocketAddr>,
        connections: u64,
        is_in_order: bool,
    ) -> Self {
        let state = Arc::new(SenderState {
            brand: brand.to_owned(),
            acknowledged: webhooks.iter().map(|_| AtomicU32::new(0)).collect(),
            webhooks,
            replicas,
            is_in_order,
            of: order.len(),
            waiting: Mutex::new(order.into()),
            released: AtomicUsize::new(0),
            acknowledgements: AtomicUsize::new(0),
            shutdown_signal: AtomicBool::new(false),
            failures: Mutex::default(),
        });
        let sending = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connections: FuturesUnordered<_> =
                    (0..connections).map(|n| sending.send_until_done(Rng(n))).collect();
                while connections.next().await.is_some() {}
            });
        });
        Self { state, thread }
    }

    /// Releases more webhooks.
    pub fn release(&self, more: usize) {
        self.state.released.fetch_add(more, Ordering::SeqCst);
    }

    /// The number of acknowledged webhooks so far.
    pub fn acknowledgements(&self) -> usize {
        self.state.acknowledgements.load(Ordering::SeqCst)
    }

    /// The number of webhooks in total.
    pub fn of(&self) -> usize {
        self.state.of
    }

    /// The number of failures by status, with 0 for no response.
    pub fn failures(&self) -> BTreeMap<u16, usize> {
        self.state.failures.lock().unwrap().clone()
    }

    /// Waits until all are acknowledged, or until the timeout. Returns the numbers of the acknowledged ones.
    pub async fn end(self, timeout: Duration) -> Vec<usize> {
        let all = async {
            while self.acknowledgements() < self.of() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(timeout, all).await;
        self.state.shutdown_signal.store(true, Ordering::SeqCst);
        let Self { state, thread } = self;
        tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
        state
            .acknowledged
            .iter()
            .enumerate()
            .filter(|(_, times)| times.load(Ordering::SeqCst) > 0)
            .map(|(n, _)| n)
            .collect()
    }
}

impl SenderState {
    async fn send_until_done(&self, mut rng: Rng) {
        let mut connections: Vec<Connection> =
            self.replicas.iter().map(|replica| Connection::new(*replica)).collect();
        let mut request = Vec::new();
        while !self.shutdown_signal.load(Ordering::SeqCst)
            && self.acknowledgements.load(Ordering::SeqCst) < self.of
        {
            let Some(n) = self.take() else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            request.clear();
            signing::write(&self.brand, &self.webhooks[n], &mut request);
            let connection = &mut connections[rng.roll(self.replicas.len())];
            let status = match tokio::time::timeout(TIMEOUT, connection.ask(&request)).await {
                Ok(Ok(response)) => response.status,
                Ok(Err(_)) | Err(_) => 0,
            };
            if (200..300).contains(&status) {
                self.acknowledged[n].fetch_add(1, Ordering::SeqCst);
                self.acknowledgements.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            *self.failures.lock().unwrap().entry(status).or_default() += 1;
            // Shorter than a vendor's pause. But a sender that repeats the same webhook ten times a minute is rejected.
            let pause = if self.is_in_order { 3_000 } else { 20 };
            tokio::time::sleep(Duration::from_millis(pause + rng.roll(80) as u64)).await;
            let mut waiting = self.waiting.lock().unwrap();
            if self.is_in_order {
                waiting.push_front(n);
            } else {
                waiting.push_back(n);
            }
            drop(waiting);
            self.released.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn take(&self) -> Option<usize> {
        self.released
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |released| released.checked_sub(1))
            .ok()?;
        let next = self.waiting.lock().unwrap().pop_front();
        if next.is_none() {
            self.released.fetch_add(1, Ordering::SeqCst);
        }
        next
    }
}
