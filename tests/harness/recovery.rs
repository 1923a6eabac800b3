//! Measures the recovery after a failover: the time until webhooks are stored and applied, and until people without a
//! cached answer are found.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use super::failover::Side;
use super::patroni::PATIENCE;
use super::report::Report;

/// The promised recovery time, counted from the new primary.
const PROMISED: Duration = Duration::from_secs(10);

/// The longest times over all faults. All but the first count from the new primary.
#[derive(Default)]
pub struct Longest {
    elected: Duration,
    taken_in: Duration,
    refused: Duration,
    applied: Duration,
    answered: Duration,
    failed: Duration,
}

impl Longest {
    pub fn note(&mut self, elected: Duration, again: &Again, failed: Duration) {
        let longest = |times: &[Option<Duration>]| {
            times.iter().map(|took| took.unwrap_or(PATIENCE)).max().unwrap_or_default()
        };
        self.elected = self.elected.max(elected);
        self.taken_in = self.taken_in.max(longest(&again.taken_in));
        self.refused = self.refused.max(again.refused.into_iter().max().unwrap_or_default());
        self.applied = self.applied.max(longest(&[again.applied]));
        self.answered = self.answered.max(longest(&again.answered));
        self.failed = self.failed.max(failed);
    }

    /// Reports the times and checks the promised ones.
    pub fn tell(&self, report: &mut Report) {
        report.figure(
            "until there was another primary, the longest",
            format!("{:.1} s", self.elected.as_secs_f64()),
        );
        for (what, took) in [
            ("each replica gives a webhook a 2xx", self.taken_in),
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
pub struct Again {
    taken_in: [Option<Duration>; 2],
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

impl Again {
    /// Observes the recovery for twice the promised time, also at the new primary itself.
    pub async fn watch(mut connection: PgConnection, sides: &[Side], since: Instant) -> Self {
        let began_at = Timestamp::now();
        let acknowledged: Vec<usize> =
            sides.iter().map(|side| side.sender.acknowledgements()).collect();
        let until = since + PROMISED * 2;
        let mut again = Self {
            taken_in: [None; 2],
            refused: [Duration::ZERO; 2],
            answered: [None; 2],
            applied: None,
            waiting: 0,
            most_waiting: 0,
        };
        let mut refused: Vec<usize> = sides.iter().map(Side::refused_webhooks).collect();
        let mut next_look = Instant::now();
        while Instant::now() < until {
            for (n, side) in sides.iter().enumerate() {
                if again.taken_in[n].is_none() && side.sender.acknowledgements() > acknowledged[n] {
                    again.taken_in[n] = Some(since.elapsed());
                }
                if side.refused_webhooks() > refused[n] {
                    (refused[n], again.refused[n]) = (side.refused_webhooks(), since.elapsed());
                }
                again.answered[n] = side.others.answered_since(since).map(|at| at - since);
            }
            if next_look < Instant::now() {
                // Not all the time, because this query reads all deliveries.
                next_look = Instant::now() + Duration::from_millis(100);
                if again.applied.is_none() {
                    let query = "select exists (select 1 from deliveries where state = 'done' and finished_at > $1)";
                    let asked = sqlx::query_as::<_, (bool,)>(query)
                        .bind(jiff_sqlx::Timestamp::from(began_at))
                        .fetch_one(&mut connection)
                        .await;
                    again.applied =
                        asked.is_ok_and(|(is_applied,)| is_applied).then(|| since.elapsed());
                }
                again.waiting = waiting(&mut connection).await.unwrap_or(again.waiting);
                again.most_waiting = again.most_waiting.max(again.waiting);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        again
    }
    /// Whether everything recovered.
    pub fn is_all(&self) -> bool {
        [self.taken_in, self.answered]
            .as_flattened()
            .iter()
            .chain([&self.applied])
            .all(Option::is_some)
    }
}

impl std::fmt::Display for Again {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |took: Option<Duration>| {
            took.map_or_else(|| "never".to_owned(), |took| format!("{:.2}", took.as_secs_f64()))
        };
        let each = |took: [Option<Duration>; 2]| took.map(seconds).join(" and ");
        write!(
            f,
            "from then on webhooks got a 2xx after {} s, the last was refused after {} s, one was applied after {} s ({} waited at most, {} after 20 s); \
            others were answered after {} s",
            each(self.taken_in),
            each(self.refused.map(Some)),
            seconds(self.applied),
            self.most_waiting,
            self.waiting,
            each(self.answered)
        )
    }
}
