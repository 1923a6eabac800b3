//! Constant traffic: webhooks about new people, and lookups of people who were never looked up before. The result of
//! each is kept, so that a test can determine whether everything works again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use tokio::task::{JoinHandle, JoinSet};

use crate::inbox::contact;
use crate::support::{ENDLESS, Response, encode, post, send};

/// The interval between two webhooks, and between two lookups.
const PACE: Duration = Duration::from_millis(100);

/// The pause before a refused webhook is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// This many successes in a row are not a coincidence.
const ROW: usize = 5;

/// First attempts, in order.
#[derive(Default)]
pub struct Tries(Mutex<Vec<Try>>);

#[derive(Clone)]
struct Try {
    begun: Instant,
    /// The status of the response, and whether it is right.
    ended: Option<(u16, bool)>,
    is_acknowledged: bool,
}

impl Try {
    fn outcome(&self) -> String {
        match self.ended {
            Some((status, true)) => format!("{status}, as it should be"),
            Some((status, false)) => format!("{status}, and wrong"),
            None => "nothing yet".to_owned(),
        }
    }
}

impl Tries {
    fn begin(&self) -> usize {
        let mut tries = self.0.lock().unwrap();
        tries.push(Try { begun: Instant::now(), ended: None, is_acknowledged: false });
        tries.len() - 1
    }

    fn end(&self, n: usize, status: u16, is_right: bool) {
        let mut tries = self.0.lock().unwrap();
        tries[n].ended.get_or_insert((status, is_right));
        tries[n].is_acknowledged = is_right;
    }

    /// Whether a row of attempts that began after `since` succeeded.
    fn is_well(&self, since: Instant) -> bool {
        let tries = self.0.lock().unwrap();
        let after: Vec<&Try> = tries.iter().filter(|one| one.begun >= since).collect();
        after.windows(ROW).any(|row| row.iter().all(|one| matches!(one.ended, Some((_, true)))))
    }

    /// Waits until attempts since a time succeed, or reports that they never do.
    async fn until_well(&self, what: &str, since: Instant, broken: &mut Vec<String>) {
        let waiting = async {
            while !self.is_well(since) {
                tokio::time::sleep(PACE).await;
            }
        };
        if tokio::time::timeout(ENDLESS, waiting).await.is_err() {
            broken.push(format!("{what} never succeed again; {}", self.describe(since)));
        }
    }

    /// Describes the results: the statuses in order, with the length of each series.
    fn describe(&self, since: Instant) -> String {
        let tries = self.0.lock().unwrap();
        let after: Vec<&Try> = tries.iter().filter(|one| one.begun >= since).collect();
        let runs = after.chunk_by(|one, next| one.outcome() == next.outcome());
        let runs: Vec<String> =
            runs.map(|run| format!("{} times {}", run.len(), run[0].outcome())).collect();
        format!("of {} since then: {}", after.len(), runs.join(", then "))
    }

    /// The acknowledged webhooks.
    fn acknowledged(&self) -> Vec<usize> {
        let tries = self.0.lock().unwrap();
        (0..tries.len()).filter(|n| tries[*n].is_acknowledged).collect()
    }
}

/// Webhooks and lookups of one brand.
pub struct Traffic {
    address: SocketAddr,
    key: String,
    name: &'static str,
    webhooks: Arc<Tries>,
    lookups: Arc<Tries>,
    shutdown_signal: Arc<AtomicBool>,
    sending: JoinHandle<()>,
    asking: JoinHandle<()>,
}

/// The address of a person for the traffic's lookups. As many people must exist as the traffic lasts.
pub fn cold(name: &str, n: usize) -> String {
    format!("cold-{name}-{n}@example.org")
}

/// The target of a lookup.
pub fn by_email(key: &str, address: &str) -> String {
    format!(
        "/omnidesk/customerlookup?key={key}&channelAddressType=email&address={}",
        encode(address)
    )
}

/// Whether an answer is about one customer with this first name.
pub fn is_one(response: &Response, first_name: &str) -> bool {
    let customers: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    let customers = customers.as_array().map(Vec::as_slice).unwrap_or_default();
    response.status == 200
        && customers.len() == 1
        && customers[0]["customerFirstname"] == first_name
}

impl Traffic {
    /// Starts to send webhooks to a brand, and lookups of the people of [`cold`], who are all called Anna.
    pub fn start(address: SocketAddr, brand: &str, key: &str, name: &'static str) -> Self {
        let (webhooks, lookups, shutdown_signal) =
            (Arc::<Tries>::default(), Arc::<Tries>::default(), Arc::<AtomicBool>::default());
        let target = format!("/webhooks/{brand}/omniotap");
        let sending = {
            let (tries, signal) = (Arc::clone(&webhooks), Arc::clone(&shutdown_signal));
            tokio::spawn(go_on(Arc::clone(&shutdown_signal), move || {
                let (tries, signal, target, n) =
                    (Arc::clone(&tries), Arc::clone(&signal), target.clone(), tries.begin());
                async move {
                    let body = contact(&format!("e-{name}-{n}"), &format!("{name}-{n}"), "Bea", 1)
                        .to_string();
                    loop {
                        let status = post(address, &target, &[], body.as_bytes()).await.status;
                        tries.end(n, status, status == 202);
                        if status == 202 || signal.load(Ordering::SeqCst) {
                            break;
                        }
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }))
        };
        let asking = {
            let (tries, key) = (Arc::clone(&lookups), key.to_owned());
            tokio::spawn(go_on(Arc::clone(&shutdown_signal), move || {
                let (tries, n) = (Arc::clone(&tries), tries.begin());
                let target = by_email(&key, &cold(name, n));
                async move {
                    let response = send(address, "GET", &target, &[]).await;
                    tries.end(n, response.status, is_one(&response, "Anna"));
                }
            }))
        };
        Self {
            address,
            key: key.to_owned(),
            name,
            webhooks,
            lookups,
            shutdown_signal,
            sending,
            asking,
        }
    }

    /// Waits until everything works, before the first fault.
    pub async fn until_under_way(&self) {
        let (begin, mut broken) = (Instant::now(), Vec::new());
        self.lookups.until_well("lookups", begin, &mut broken).await;
        self.webhooks.until_well("webhooks", begin, &mut broken).await;
        assert!(broken.is_empty(), "before anything happened: {broken:?}");
    }

    /// Starts nothing new, and waits for requests in flight.
    pub async fn end(&mut self) {
        self.shutdown_signal.store(true, Ordering::SeqCst);
        (&mut self.sending).await.unwrap();
        (&mut self.asking).await.unwrap();
    }

    /// Checks that everything works from now on, and that acknowledged webhooks are applied. Returns the failures.
    pub async fn goes_on(mut self) -> Vec<String> {
        let (since, mut broken) = (Instant::now(), Vec::new());
        self.lookups
            .until_well("lookups of people who were not remembered", since, &mut broken)
            .await;
        self.webhooks.until_well("webhooks", since, &mut broken).await;
        tokio::time::sleep(PACE * 10).await;
        self.end().await;
        // Webhooks that were refused until now need not be applied.
        let acknowledged = self.webhooks.acknowledged();
        let deadline = Instant::now() + ENDLESS;
        let shown =
            stream::iter(acknowledged.iter().copied()).map(|n| self.is_applied(n, deadline));
        let missing =
            shown.buffer_unordered(8).filter(|shown| std::future::ready(!shown)).count().await;
        if missing > 0 {
            let of = acknowledged.len();
            broken.push(format!("of {of} acknowledged webhooks {missing} are never applied"));
        }
        broken
    }

    /// Repeats a lookup of a webhook's person until the person is found.
    async fn is_applied(&self, n: usize, deadline: Instant) -> bool {
        let target = by_email(&self.key, &format!("{}-{n}@example.org", self.name));
        while !is_one(&send(self.address, "GET", &target, &[]).await, "Bea") {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(PACE).await;
        }
        true
    }
}

/// Starts one after the other, whether or not earlier ones have ended. Returns when all have ended.
async fn go_on<F: Future<Output = ()> + Send + 'static>(
    shutdown_signal: Arc<AtomicBool>,
    mut begin: impl FnMut() -> F,
) {
    let mut under_way = JoinSet::new();
    while !shutdown_signal.load(Ordering::SeqCst) {
        under_way.spawn(begin());
        tokio::time::sleep(PACE).await;
    }
    under_way.join_all().await;
}
