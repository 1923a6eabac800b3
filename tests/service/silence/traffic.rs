//! What goes on all the time: webhooks about people who are new, and lookups of people who were never asked for. How each
//! went is kept, so that a test can say since when all is well again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use tokio::task::{JoinHandle, JoinSet};

use crate::inbox::contact;
use crate::support::{Response, encode, post, send};

/// How often something is sent, and asked.
const PACE: Duration = Duration::from_millis(100);

/// How long after a refusal a webhook is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// So many that go well one after the other are no accident.
const ROW: usize = 5;

/// What was tried for the first time, in order.
#[derive(Default)]
pub struct Tries(Mutex<Vec<Try>>);

#[derive(Clone)]
struct Try {
    begun: Instant,
    /// What came and when, and whether it is as it should be.
    ended: Option<(Instant, u16, bool)>,
    acknowledged: Option<Instant>,
}

impl Try {
    fn outcome(&self) -> String {
        match self.ended {
            Some((_, status, true)) => format!("{status}, as it should be"),
            Some((_, status, false)) => format!("{status}, and wrong"),
            None => "nothing yet".to_owned(),
        }
    }
}

impl Tries {
    fn begin(&self) -> usize {
        let mut tries = self.0.lock().unwrap();
        tries.push(Try { begun: Instant::now(), ended: None, acknowledged: None });
        tries.len() - 1
    }

    fn end(&self, n: usize, status: u16, is_right: bool) {
        let mut tries = self.0.lock().unwrap();
        let now = Instant::now();
        tries[n].ended.get_or_insert((now, status, is_right));
        tries[n].acknowledged = Some(now).filter(|_| is_right);
    }

    /// When the first of some in a row that were begun since then had gone well.
    fn well_since(&self, since: Instant) -> Option<Instant> {
        let tries = self.0.lock().unwrap();
        let after: Vec<&Try> = tries.iter().filter(|one| one.begun >= since).collect();
        let row = after.windows(ROW).find(|row| row.iter().all(|one| matches!(one.ended, Some((_, _, true)))));
        row.and_then(|row| row[0].ended).map(|(at, ..)| at)
    }

    /// Waits until all goes well that is begun since a moment, or says that it doesn't in time.
    async fn until_well(&self, what: &str, since: Instant, bound: Duration, broken: &mut Vec<String>) {
        // The others of the row come later.
        let timeout = since + bound + Duration::from_secs(3);
        while self.well_since(since).is_none() && Instant::now() < timeout {
            tokio::time::sleep(PACE).await;
        }
        let well_after = self.well_since(since).map(|at| at - since);
        if well_after.is_none_or(|after| after > bound) {
            let well_after = well_after.map_or_else(|| "not at all".to_owned(), |after| format!("after {after:.1?}"));
            broken.push(format!("{what} go well again {well_after} instead of within {bound:?}; {}", self.describe(since)));
        }
    }

    /// How they went: the statuses in order, with how many came one after the other.
    fn describe(&self, since: Instant) -> String {
        let tries = self.0.lock().unwrap();
        let after: Vec<&Try> = tries.iter().filter(|one| one.begun >= since).collect();
        let runs = after.chunk_by(|one, next| one.outcome() == next.outcome());
        let runs: Vec<String> = runs.map(|run| format!("{} times {}", run.len(), run[0].outcome())).collect();
        format!("of {} since then: {}", after.len(), runs.join(", then "))
    }

    /// Those that were acknowledged.
    fn acknowledged(&self) -> Vec<usize> {
        let tries = self.0.lock().unwrap();
        (0..tries.len()).filter(|n| tries[*n].acknowledged.is_some()).collect()
    }
}

/// Webhooks and lookups of one brand.
pub struct Traffic {
    address: SocketAddr,
    key: String,
    name: &'static str,
    webhooks: Arc<Tries>,
    lookups: Arc<Tries>,
    told_to_end: Arc<AtomicBool>,
    sending: JoinHandle<()>,
    asking: JoinHandle<()>,
}

/// The address of somebody whom the traffic asks for: there must be as many of them as it lasts.
pub fn cold(name: &str, n: usize) -> String {
    format!("cold-{name}-{n}@example.org")
}

/// The target of a lookup.
pub fn by_email(key: &str, address: &str) -> String {
    format!("/omnidesk/customerlookup?key={key}&channelAddressType=email&address={}", encode(address))
}

/// Whether an answer is about one customer of that first name.
pub fn is_one(response: &Response, first_name: &str) -> bool {
    let customers: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
    let customers = customers.as_array().map(Vec::as_slice).unwrap_or_default();
    response.status == 200 && customers.len() == 1 && customers[0]["customerFirstname"] == first_name
}

impl Traffic {
    /// Begins to send webhooks to a brand, and to ask for those of [`cold`], all of whom are called Anna.
    pub fn start(address: SocketAddr, brand: &str, key: &str, name: &'static str) -> Self {
        let (webhooks, lookups, told_to_end) = (Arc::<Tries>::default(), Arc::<Tries>::default(), Arc::<AtomicBool>::default());
        let target = format!("/webhooks/{brand}/omniotap");
        let sending = {
            let (tries, told) = (Arc::clone(&webhooks), Arc::clone(&told_to_end));
            tokio::spawn(go_on(Arc::clone(&told_to_end), move || {
                let (tries, told, target, n) = (Arc::clone(&tries), Arc::clone(&told), target.clone(), tries.begin());
                async move {
                    let body = contact(&format!("e-{name}-{n}"), &format!("{name}-{n}"), "Bea", 1).to_string();
                    loop {
                        let status = post(address, &target, &[], body.as_bytes()).await.status;
                        tries.end(n, status, status == 202);
                        if status == 202 || told.load(Ordering::SeqCst) {
                            break;
                        }
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }))
        };
        let asking = {
            let (tries, key) = (Arc::clone(&lookups), key.to_owned());
            tokio::spawn(go_on(Arc::clone(&told_to_end), move || {
                let (tries, n) = (Arc::clone(&tries), tries.begin());
                let target = by_email(&key, &cold(name, n));
                async move {
                    let response = send(address, "GET", &target, &[]).await;
                    tries.end(n, response.status, is_one(&response, "Anna"));
                }
            }))
        };
        Self { address, key: key.to_owned(), name, webhooks, lookups, told_to_end, sending, asking }
    }

    /// Waits until all goes well: nothing has happened yet.
    pub async fn until_under_way(&self) {
        let (begin, mut broken) = (Instant::now(), Vec::new());
        self.lookups.until_well("lookups", begin, Duration::from_secs(20), &mut broken).await;
        self.webhooks.until_well("webhooks", begin, Duration::from_secs(20), &mut broken).await;
        assert!(broken.is_empty(), "before anything happened: {broken:?}");
    }

    /// Begins nothing more, and waits for what is under way.
    pub async fn end(&mut self) {
        self.told_to_end.store(true, Ordering::SeqCst);
        (&mut self.sending).await.unwrap();
        (&mut self.asking).await.unwrap();
    }

    /// Everything goes on since a moment, and what was acknowledged is applied. Says what doesn't.
    pub async fn goes_on(mut self, since: Instant) -> Vec<String> {
        let mut broken = Vec::new();
        self.lookups.until_well("lookups of people who were not remembered", since, Duration::from_secs(4), &mut broken).await;
        self.webhooks.until_well("webhooks", since, Duration::from_secs(10), &mut broken).await;
        tokio::time::sleep(PACE * 10).await;
        self.end().await;
        // Who was refused until now has no right to be applied.
        let acknowledged = self.webhooks.acknowledged();
        let deadline = since + Duration::from_secs(15);
        let shown = stream::iter(acknowledged.iter().copied()).map(|n| self.is_applied(n, deadline));
        let missing = shown.buffer_unordered(8).filter(|shown| std::future::ready(!shown)).count().await;
        if missing > 0 {
            let of = acknowledged.len();
            broken.push(format!("of {of} acknowledged webhooks {missing} are not applied {:.1?} later", since.elapsed()));
        }
        broken
    }

    /// Asks for whom a webhook told of, until somebody is there.
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

/// Begins one after the other, whether or not those before have ended; gives back when all have.
async fn go_on<F: Future<Output = ()> + Send + 'static>(told_to_end: Arc<AtomicBool>, mut begin: impl FnMut() -> F) {
    let mut under_way = JoinSet::new();
    while !told_to_end.load(Ordering::SeqCst) {
        under_way.spawn(begin());
        tokio::time::sleep(PACE).await;
    }
    under_way.join_all().await;
}
