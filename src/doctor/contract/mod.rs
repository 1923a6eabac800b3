//! Examines a hookpoint from outside, by Omnidesk's document: this service's, or any other. About 60 requests, one after
//! the other, to the origin of the URL only.

mod answers;
mod check;
mod client;
mod connection;
mod customer;
mod expected;
mod refusals;
mod shape;
mod target;

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

pub use self::customer::TestCustomer;
pub use self::target::{Target, TargetError};

use self::check::{Check, Documented, How};
use self::client::{Client, Reply, Response};
use self::customer::{FoundCustomers, NOT_GIVEN};
use self::expected::Expected;
use super::finding::{Finding, Observation, Verdict};
use super::http::{NoResponse, NoTls};

/// How to examine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The timeout of a request.
    pub timeout: Duration,
    /// The pause before each request.
    pub pause: Duration,
    /// Slower answers are reported.
    pub slow_after: Duration,
    /// Only the check with this id.
    pub only: Option<String>,
}

/// The result of an examination.
#[derive(Debug, Clone)]
pub struct Examination {
    /// One finding for each check, in the order of the checks.
    pub findings: Vec<Finding>,
    /// How many requests were sent.
    pub requests: usize,
}

/// The number of requests that are sent at the same time, to compare their answers.
const CONCURRENT: usize = 5;

/// All checks, in their order.
fn checks() -> impl Iterator<Item = &'static Check> {
    [
        connection::CONNECTION,
        answers::ANSWERS,
        refusals::REFUSALS,
        customer::CUSTOMER,
        shape::SHAPE,
        connection::WHOLE,
    ]
    .into_iter()
    .flatten()
}

/// The ids of all checks, in their order.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    checks().map(|check| check.id).collect()
}

/// Examines a hookpoint.
///
/// # Errors
/// When the TLS library does not start.
pub async fn examine(
    target: &Target,
    customer: &TestCustomer,
    options: &Options,
) -> Result<Examination, NoTls> {
    let client = Client::new(target, options.timeout, options.pause)?;
    let first = client.get(target.with_query(Documented::Email.query())).await;
    let mut examiner =
        Examiner { client, target, customer, options, documented: Vec::new(), found: None };
    examiner.documented.push(first);
    let runs_all = is_about_whole(options.only.as_deref());
    let mut findings = Vec::new();
    let mut is_stopped = false;
    for check in checks() {
        let is_wanted = options.only.as_deref().is_none_or(|only| only == check.id);
        let is_first = matches!(check.how, How::First(_));
        if !is_wanted && !is_first && !runs_all {
            continue;
        }
        let observation = if is_stopped {
            Observation::skipped("an earlier check failed")
        } else {
            examiner.observe(&check.how).await
        };
        // Without encryption, everything can still be checked that tells nothing about a customer.
        is_stopped |= is_first && observation.verdict == Verdict::Fail && check.id != "https";
        if is_wanted {
            findings.push(check.finding(observation));
        }
    }
    Ok(Examination { findings, requests: examiner.client.log().requests })
}

/// Whether a check judges all requests together. Then the requests of the others are needed.
fn is_about_whole(only: Option<&str>) -> bool {
    checks().any(|check| Some(check.id) == only && matches!(check.how, How::Whole(_)))
}

/// An examination that runs.
struct Examiner<'a> {
    client: Client,
    target: &'a Target,
    customer: &'a TestCustomer,
    options: &'a Options,
    /// The replies to the documented lookups of nobody, as far as they were sent.
    documented: Vec<Reply>,
    /// The replies to the lookups of the test customer, if they were sent.
    found: Option<FoundCustomers>,
}

impl Examiner<'_> {
    async fn observe(&mut self, how: &How) -> Observation {
        match how {
            How::Customer(_) | How::Shape(_) if self.customer.is_given() && self.is_readable() => {
                Observation::skipped("needs https")
            }
            How::First(judge) => match self.documented.first() {
                Some(reply) => judge(self.target, reply),
                None => Observation::skipped("no request was sent"),
            },
            How::Documented(documented) => {
                Expected::Answer.judge(&self.documented(*documented).await)
            }
            How::Answers(judge) => judge(&self.answers().await),
            How::Request(method, query, expected) => {
                let url = self.target.with_query(query);
                let reply = self.client.send(method.clone(), url).await;
                expected.judge(&reply)
            }
            How::Allow => self.allow().await,
            How::UnknownPath => {
                let reply = self.client.get(self.target.unknown_path()).await;
                Expected::NotFound.judge(&reply)
            }
            How::Concurrent => self.concurrent().await,
            How::Customer(check) => {
                self.find().await;
                let Some(found) = &self.found else { return Observation::skipped(NOT_GIVEN) };
                self.customer.check(*check, found, &self.client, self.target).await
            }
            How::Shape(judge) => self.shape(*judge).await,
            How::Whole(judge) => judge(&self.client.log(), self.options.slow_after),
        }
    }

    /// Whether others on the way can read the requests.
    fn is_readable(&self) -> bool {
        !self.target.is_https() && !self.target.is_local()
    }

    /// The reply to a documented lookup. It is sent once.
    async fn documented(&mut self, wanted: Documented) -> Reply {
        for (n, documented) in Documented::ALL.into_iter().enumerate() {
            if self.documented.len() <= n {
                let url = self.target.with_query(documented.query());
                self.documented.push(self.client.get(url).await);
            }
            if documented == wanted {
                return self.documented.get(n).cloned().unwrap_or(Err(NoResponse::Broken));
            }
        }
        Err(NoResponse::Broken)
    }

    /// The answers with status 200 to the documented lookups.
    async fn answers(&mut self) -> Vec<Response> {
        let mut answers = Vec::new();
        for documented in Documented::ALL {
            answers.extend(self.documented(documented).await.ok());
        }
        answers.retain(|response| response.status == 200);
        answers
    }

    async fn allow(&self) -> Observation {
        let url = self.target.with_query("{key}&{email}");
        match self.client.send(Method::PATCH, url).await {
            Ok(response) if response.status != 405 => Observation::skipped("the status is not 405"),
            Ok(response) if response.allows_get() => Observation::pass("Allow names GET"),
            Ok(_) => Observation::warn("no header Allow with GET"),
            Err(why) => Observation::fail(why.to_string()),
        }
    }

    async fn concurrent(&self) -> Observation {
        let url = self.target.with_query("{key}&{phone}");
        let alone = self.client.get(url.clone()).await;
        let replies = join_all((0..CONCURRENT).map(|_| self.client.get_at_once(url.clone()))).await;
        let content = |reply: &Reply| {
            reply.as_ref().ok().map(|response| (response.status, response.body.clone()))
        };
        let expected = content(&alone);
        if replies.iter().chain([&alone]).any(|reply| matches!(reply, Ok(it) if it.status == 429)) {
            Observation::skipped("429, too many requests")
        } else if expected.is_some() && replies.iter().all(|reply| content(reply) == expected) {
            Observation::pass("the same answer")
        } else {
            Observation::fail("different answers, or no answer")
        }
    }

    /// Looks up the test customer, once.
    async fn find(&mut self) {
        if self.found.is_none() {
            self.found = Some(self.customer.look_up(&self.client, self.target).await);
        }
    }

    async fn shape(&mut self, judge: fn(&[Value]) -> Observation) -> Observation {
        self.find().await;
        match &self.found {
            Some(found) if found.is_asked() => match found.customers() {
                customers if customers.is_empty() => Observation::skipped("nobody was found"),
                customers => judge(&customers),
            },
            _ => Observation::skipped(NOT_GIVEN),
        }
    }
}
