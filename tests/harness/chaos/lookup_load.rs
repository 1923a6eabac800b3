//! Sends lookups during all faults and checks each answer: the right person and brand, never older than an earlier
//! answer, and in time. An address that a replica answered once must be answered again while that replica lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::replicas::Record;
use crate::harness::changes;
use crate::harness::connection::Connection;
use crate::harness::report::Report;
use crate::harness::rng::Rng;

/// The service's deadline of a lookup, and the tolerance for a busy machine.
pub const DEADLINE: Duration = Duration::from_millis(1_000);
pub const SLACK: Duration = Duration::from_millis(1_500);

/// The number of people who never change. The people who change follow after them.
pub const UNCHANGING: usize = 100;
pub const CHANGING: usize = 200;

/// The first person who is only in the source, without a webhook.
pub const SOURCE_ONLY: usize = 1_000_000;

/// The kind of person that a lookup asks for.
#[derive(Clone, Copy, Debug)]
enum LookupTarget {
    Unchanging,
    Changing,
    Nobody,
    SourceOnly,
}

/// Sends lookups and collects the results.
#[derive(Clone, Default)]
pub struct LookupLoad {
    seen: Arc<Mutex<Seen>>,
    /// The number of people who are only in the source.
    pub source_only: Arc<AtomicUsize>,
    /// The highest version of each changing person so far.
    pub versions: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

/// A lookup without a valid answer.
struct Missed {
    replica: usize,
    begin: Instant,
    end: Instant,
    what: String,
}

#[derive(Default)]
struct Seen {
    asked: BTreeMap<&'static str, usize>,
    refused: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
    /// Late answers and missing answers.
    late: Vec<Missed>,
    longest: Duration,
    /// Refused lookups, with and without a fault.
    missed: Vec<Missed>,
    /// The people that each replica answered, by process lifetime.
    cached: BTreeSet<(usize, u64, usize)>,
    /// The newest version of each person that a replica has shown.
    shown: BTreeMap<(usize, usize), u64>,
}

impl LookupLoad {
    /// Sends lookups to a replica until the run is over, several at once.
    pub fn start(&self, replica: usize, record: &Arc<Record>) {
        for (target, every, of) in [
            (LookupTarget::Unchanging, 20, 2),
            (LookupTarget::Changing, 25, 1),
            (LookupTarget::Nobody, 100, 1),
            (LookupTarget::SourceOnly, 200, 1),
        ] {
            for n in 0..of {
                let (asked, record) = (self.clone(), Arc::clone(record));
                tokio::spawn(async move {
                    asked
                        .send_until_stopped(
                            target,
                            replica,
                            &record,
                            Duration::from_millis(every),
                            Rng(replica as u64 * 10 + n),
                        )
                        .await;
                });
            }
        }
    }

    async fn send_until_stopped(
        &self,
        target: LookupTarget,
        replica: usize,
        record: &Record,
        every: Duration,
        mut rng: Rng,
    ) {
        let mut connection = Connection::new(record.address);
        let mut due = tokio::time::interval(every);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.is_over.load(Ordering::SeqCst) {
            due.tick().await;
            let Some(person) = self.random_person(target, &mut rng) else { continue };
            let (starts, begin) = (record.starts.load(Ordering::SeqCst), Instant::now());
            let response = connection.ask(&request(target, person)).await;
            let end = Instant::now();
            let answer = response.map(|response| (response.status, response.body.to_vec()));
            let same_process = starts == record.starts.load(Ordering::SeqCst);
            self.check(
                target,
                person,
                (replica, same_process.then_some(starts)),
                (begin, end),
                answer.ok(),
            );
        }
    }

    fn random_person(&self, target: LookupTarget, rng: &mut Rng) -> Option<usize> {
        match target {
            LookupTarget::Unchanging => Some(rng.roll(UNCHANGING)),
            LookupTarget::Changing => Some(UNCHANGING + rng.roll(CHANGING)),
            LookupTarget::Nobody => Some(rng.roll(1_000_000_000)),
            LookupTarget::SourceOnly => Some(self.source_only.load(Ordering::SeqCst))
                .filter(|of| *of > 0)
                .map(|of| SOURCE_ONLY + rng.roll(of)),
        }
    }

    fn check(
        &self,
        target: LookupTarget,
        person: usize,
        (replica, starts): (usize, Option<u64>),
        (begin, end): (Instant, Instant),
        answer: Option<(u16, Vec<u8>)>,
    ) {
        let name = name(target);
        let mut seen = self.seen.lock().unwrap();
        *seen.asked.entry(name).or_default() += 1;
        let missed = |what: String| Missed { replica, begin, end, what };
        let took = end - begin;
        if took > DEADLINE + SLACK {
            seen.late.push(missed(format!("{name} {person}: {:.1} s", took.as_secs_f64())));
        } else {
            seen.longest = seen.longest.max(took);
        }
        match answer {
            None => seen.missed.push(missed(format!("{name} {person}: no answer"))),
            Some((200, body)) => match self.reads(target, person, &body) {
                Ok(version) => {
                    if let (LookupTarget::Unchanging, Some(starts)) = (target, starts) {
                        seen.cached.insert((replica, starts, person));
                    }
                    if let Some(version) = version {
                        let before = seen.shown.insert((replica, person), version);
                        if let Some(before) = before.filter(|before| *before > version) {
                            seen.wrong.push(format!("replica {replica} showed version {version} of {person} after version {before}"));
                        }
                    }
                }
                Err(what) => seen.wrong.push(format!("replica {replica}: {name} {person}: {what}")),
            },
            Some((status @ (500 | 503), _)) => {
                *seen.refused.entry(name).or_default() += 1;
                if let (LookupTarget::Unchanging, Some(starts)) = (target, starts)
                    && seen.cached.contains(&(replica, starts, person))
                {
                    seen.wrong.push(format!(
                        "replica {replica}: {status} for {person} at {}, whom it had found before",
                        jiff::Timestamp::now()
                    ));
                }
                seen.missed.push(missed(format!("{name} {person}: {status}")));
            }
            Some((status, _)) => {
                seen.wrong.push(format!("replica {replica}: {name} {person}: status {status}"));
            }
        }
    }

    /// The version in an answer, if the person has versions. An error describes what is wrong with the answer.
    fn reads(
        &self,
        target: LookupTarget,
        person: usize,
        body: &[u8],
    ) -> Result<Option<u64>, String> {
        let text = || String::from_utf8_lossy(body).chars().take(300).collect::<String>();
        match target {
            LookupTarget::Nobody => (body == b"[]").then_some(None).ok_or_else(text),
            LookupTarget::SourceOnly if body == b"[]" => Ok(None),
            LookupTarget::SourceOnly => {
                is_of("demo", person, body).then_some(None).ok_or_else(text)
            }
            LookupTarget::Unchanging | LookupTarget::Changing => {
                let version = changes::version(person, body)
                    .filter(|_| is_of("support", person, body))
                    .ok_or_else(text)?;
                let most = if matches!(target, LookupTarget::Unchanging) {
                    0
                } else {
                    self.versions.load(Ordering::SeqCst) as u64
                };
                if version > most {
                    Err(format!("version {version}, which was not sent yet"))
                } else {
                    Ok(Some(version))
                }
            }
        }
    }

    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Reports the results. `calm` are the periods without faults, after full recovery.
    pub fn report(
        &self,
        records: &[Arc<Record>],
        calm: &[(Instant, Instant)],
        report: &mut Report,
    ) {
        let seen = self.seen.lock().unwrap();
        report.figure(
            "lookups",
            format!("{:?}, refused (500, 503) in trouble: {:?}", seen.asked, seen.refused),
        );
        report.figure(
            "the longest answer of a replica that was not stopped",
            format!("{:.2} s", seen.longest.as_secs_f64()),
        );
        let of = |missed: &Missed| format!("replica {}: {}", missed.replica, missed.what);
        let was_there =
            |missed: &&Missed| !records[missed.replica].was_away(missed.begin, missed.end);
        let is_in_calm = |missed: &&Missed| {
            calm.iter().any(|(from, until)| *from <= missed.begin && missed.end <= *until)
        };
        report.broken.extend(summarize("answers were wrong", &seen.wrong));
        let unanswered = seen
            .missed
            .iter()
            .filter(|missed| missed.what.ends_with("no answer"))
            .filter(was_there);
        report.broken.extend(summarize(
            "lookups were not answered at all by a replica that ran",
            &unanswered.map(of).collect::<Vec<_>>(),
        ));
        report.late.extend(summarize(
            "answers came too late",
            &seen.late.iter().filter(was_there).map(of).collect::<Vec<_>>(),
        ));
        report.late.extend(summarize(
            "lookups failed although nothing was wrong",
            &seen.missed.iter().filter(is_in_calm).map(of).collect::<Vec<_>>(),
        ));
    }
}

/// The number of entries, and the first ones.
fn summarize(what: &str, all: &[String]) -> Option<String> {
    let first: Vec<&str> = all.iter().take(3).map(String::as_str).collect();
    (!first.is_empty()).then(|| format!("{} {what}, among them: {}", all.len(), first.join("; ")))
}

fn name(target: LookupTarget) -> &'static str {
    match target {
        LookupTarget::Unchanging => "known people",
        LookupTarget::Changing => "people who change",
        LookupTarget::Nobody => "unknown people",
        LookupTarget::SourceOnly => "people only in the source",
    }
}

fn request(target: LookupTarget, person: usize) -> Vec<u8> {
    let (key, address) = match target {
        LookupTarget::Unchanging | LookupTarget::Changing => ("support", format!("p{person}")),
        LookupTarget::Nobody => ("support", format!("nobody{person}")),
        LookupTarget::SourceOnly => ("demo", format!("p{person}")),
    };
    let query = format!("key={key}&channelAddressType=email&address={address}%40example.org");
    format!("GET /omnidesk/customerlookup?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// Whether an answer is from this brand and about this person only.
pub fn is_of(brand: &str, person: usize, body: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return false };
    let Some([customer]) = answer.as_array().map(Vec::as_slice) else { return false };
    let fields = customer["customFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let says = fields.iter().any(|field| field["brand"] == brand);
    says && customer["addresses"][0]["address"] == format!("p{person}@example.org")
}

/// Whether a replica finds a person who is only in the source.
pub async fn finds_source_only(record: &Record, person: usize) -> bool {
    let mut connection = Connection::new(record.address);
    let asked = connection.ask(&request(LookupTarget::SourceOnly, person)).await;
    asked.is_ok_and(|response| response.status == 200 && is_of("demo", person, response.body))
}

/// Whether a replica answers lookups of unknown people.
pub async fn answers_about_nobody(record: &Record, person: usize) -> bool {
    let mut connection = Connection::new(record.address);
    let request = request(LookupTarget::Nobody, person);
    let asked = connection.ask(&request);
    tokio::time::timeout(DEADLINE + SLACK, asked)
        .await
        .is_ok_and(|asked| asked.is_ok_and(|response| response.body == b"[]"))
}
