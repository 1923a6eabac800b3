//! Measures the recovery after a failover: the time until webhooks are stored and applied, and until people without a
//! cached answer are found.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use super::failover::LoadedReplica;
use super::patroni::TIMEOUT;
use super::report::Report;

/// The promised recovery time, counted from the new primary.
const PROMISED: Duration = Duration::from_secs(10);

/// The longest times over all faults. All but the first count from the new primary.
#[derive(Default)]
pub struct Longest {
    elected: Duration,
    first_acknowledged: Duration,
    refused: Duration,
    applied: Duration,
    answered: Duration,
    failed: Duration,
}

impl Longest {
    pub fn note(&mut self, elected: Duration, recovery: &Recovery, failed: Duration) {
        let longest = |times: &[Option<Duration>]| {
            times.iter().map(|took| took.unwrap_or(TIMEOUT)).max().unwrap_or_default()
        };
        self.elected = self.elected.max(elected);
        self.first_acknowledged =
            self.first_acknowledged.max(longest(&recovery.first_acknowledged));
        self.refused = self.refused.max(recovery.refused.into_iter().max().unwrap_or_default());
        self.applied = self.applied.max(longest(&[recovery.applied]));
        self.answered = self.answered.max(longest(&recovery.answered));
        self.failed = self.failed.max(failed);
    }

    /// Reports the times and checks the promised ones.
    pub fn report(&self, report: &mut Report) {
        report.figure(
            "until there was another primary, the longest",
            format!("{:.1} s", self.elected.as_secs_f64()),
        );
        for (what, took) in [
            ("each replica gives a webhook a 2xx", self.first_acknowledged),
            ("no webhook is refused any more", self.refused),
            ("a webhook is applied", self.applied),
            ("each replica answers about others", self.answered),
            ("no lookup is refused any more", self.failed),
        ] {
            report.expect_within(
                &format!("from another primary until {what}, the longest"),
                took,
                PROMISED,
            );
        }
    }
}

/// The times of recovery of each function after the new primary, for each replica.
pub struct Recovery {
    first_acknowledged: [Option<Duration>; 2],
    /// The last refused lookup within twice the promised time.
    refused: [Duration; 2],
    answered: [Option<Duration>; 2],
    applied: Option<Duration>,
    /// The number of pending webhooks at the end, and the maximum.
    waiting: i64,
    most_waiting: i64,
}

/// The number of pending webhooks. `None` if the server does not respond.
pub async fn waiting(connection: &mut PgConnection) -> Option<i64> {
    let asked =
        sqlx::query_as::<_, (i64,)>("select count(*) from deliveries where state = 'pending'")
            .fetch_one(connection)
            .await;
    asked.ok().map(|(waiting,)| waiting)
}

impl Recovery {
    /// Observes the recovery for twice the promised time, also at the new primary itself.
    pub async fn watch(
        mut connection: PgConnection,
        loaded_replicas: &[LoadedReplica],
        since: Instant,
    ) -> Self {
        let began_at = Timestamp::now();
        let acknowledged: Vec<usize> =
            loaded_replicas.iter().map(|loaded| loaded.sender.acknowledgements()).collect();
        let until = since + PROMISED * 2;
        let mut recovery = Self {
            first_acknowledged: [None; 2],
            refused: [Duration::ZERO; 2],
            answered: [None; 2],
            applied: None,
            waiting: 0,
            most_waiting: 0,
        };
        let mut refused: Vec<usize> =
            loaded_replicas.iter().map(LoadedReplica::refused_webhooks).collect();
        let mut next_query = Instant::now();
        while Instant::now() < until {
            for (n, loaded) in loaded_replicas.iter().enumerate() {
                if recovery.first_acknowledged[n].is_none()
                    && loaded.sender.acknowledgements() > acknowledged[n]
                {
                    recovery.first_acknowledged[n] = Some(since.elapsed());
                }
                if loaded.refused_webhooks() > refused[n] {
                    (refused[n], recovery.refused[n]) =
                        (loaded.refused_webhooks(), since.elapsed());
                }
                recovery.answered[n] = loaded.others.answered_since(since).map(|at| at - since);
            }
            if next_query < Instant::now() {
                // Not all the time, because this query reads all deliveries.
                next_query = Instant::now() + Duration::from_millis(100);
                if recovery.applied.is_none() {
                    let query = "select exists (select 1 from deliveries where state = 'done' and finished_at > $1)";
                    let asked = sqlx::query_as::<_, (bool,)>(query)
                        .bind(jiff_sqlx::Timestamp::from(began_at))
                        .fetch_one(&mut connection)
                        .await;
                    recovery.applied =
                        asked.is_ok_and(|(is_applied,)| is_applied).then(|| since.elapsed());
                }
                recovery.waiting = waiting(&mut connection).await.unwrap_or(recovery.waiting);
                recovery.most_waiting = recovery.most_waiting.max(recovery.waiting);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        recovery
    }
    /// Whether everything recovered.
    pub fn is_all(&self) -> bool {
        [self.first_acknowledged, self.answered]
            .as_flattened()
            .iter()
            .chain([&self.applied])
            .all(Option::is_some)
    }
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |took: Option<Duration>| {
            took.map_or_else(|| "never".to_owned(), |took| format!("{:.2}", took.as_secs_f64()))
        };
        let each = |took: [Option<Duration>; 2]| took.map(seconds).join(" and ");
        write!(
            f,
            "from then on webhooks got a 2xx after {} s, the last was refused after {} s, one was applied after {} s ({} waited at most, {} after 20 s); \
            others were answered after {} s",
            each(self.first_acknowledged),
            each(self.refused.map(Some)),
            seconds(self.applied),
            self.most_waiting,
            self.waiting,
            each(self.answered)
        )
    }
}
