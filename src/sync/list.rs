//! From page to page of a list.
//!
//! Lists move while they are walked through: when something before us is deleted, what follows moves up and would be missed. So
//! when the source says that there are fewer things than on the page before, as many pages are walked again; and when in the
//! end fewer that are still there have been met than there are, the whole list is.
//!
//! The list of what changed since a time moves otherwise: nothing leaves it but what is deleted, and what changes while it is walked
//! comes in, or moves to where the newest are. The next such pass asks from when this one began, so all of that is in it. It is
//! walked once, then, and who isn't in it is not gone. One thing can be missed: where the newest are last, and something on a page
//! before us changes again, what follows moves up. That takes several pages and a lost webhook; the next pass through everything
//! finds it.

use std::collections::VecDeque;
use std::time::Duration;

use super::run::{Stop, Turn};
use super::{Pass, Walker};
use crate::sources::Unreadable;
use crate::sources::api::{Ask, Heard, Holds};
use crate::storage::deliveries::{BacklogRow, list_backlog};
use crate::storage::seen_keys::count_sightings;
use crate::storage::sync_runs::Step;
use crate::upstream::CallError;

/// How often a list is begun again at most, since some sources count what they don't list.
const MOST_ROUNDS: i32 = 2;

/// How often, and how long each time, is waited for webhooks that came meanwhile.
const WAITS: u32 = 60;
const WAIT: Duration = Duration::from_millis(500);

/// How many pages can be walked again without beginning anew.
const REMEMBERED: usize = 16;

impl Walker {
    /// Walks through a list, and looks for what is gone; or through what changed. Gives back what should be known of it.
    pub(crate) async fn walk_list(&self, turn: &Turn<'_>, holds: Holds) -> Result<String, Stop> {
        let mut seen = 0;
        let mut round = turn.row.round;
        let first = || self.api().first(turn.which.stream, turn.row.since);
        let mut cursor = turn.row.cursor.as_ref().and_then(|cursor| Ask::of_json(cursor).or_else(first));
        // What a pass goes on from was counted before it was left.
        let mut is_counted = turn.row.walked > 0;
        while let Some(ask) = cursor.take() {
            self.walk_pages(turn, ask, std::mem::take(&mut is_counted)).await?;
            if turn.pass() != Pass::Whole {
                return Ok(String::new());
            }
            let met = self.count_met(turn, holds).await?;
            let is_short = turn.progress().total.is_some_and(|total| met < total);
            if is_short && round < MOST_ROUNDS && met > seen {
                (seen, round) = (met, round.saturating_add(1));
                cursor = first();
                turn.save(Step { cursor: cursor.as_ref().map(Ask::to_json), round: 1, ..Step::default() }).await?;
            }
        }
        match holds {
            Holds::Records(kind) => self.look_for_gone(turn, kind).await,
            Holds::Events(_) | Holds::Neither => Ok(String::new()),
        }
    }

    /// How many things have been met that are still there, as far as webhooks tell.
    async fn count_met(&self, turn: &Turn<'_>, holds: Holds) -> Result<u64, Stop> {
        match holds {
            Holds::Records(kind) => {
                self.wait_for_webhooks(turn).await?;
                let met = count_sightings(&self.pool, turn.which, turn.row.pass_id).await?;
                Ok(met.saturating_sub(self.count_gone(turn, kind).await?))
            }
            Holds::Events(_) | Holds::Neither => Ok(count_sightings(&self.pool, turn.which, turn.row.pass_id).await?),
        }
    }

    /// What came before the end of the list should count; what keeps failing is not waited for.
    async fn wait_for_webhooks(&self, turn: &Turn<'_>) -> Result<(), Stop> {
        let since = self.clock.now();
        let is_pending =
            |backlog: &BacklogRow| backlog.state == "pending" && backlog.source == self.account.source.as_str() && backlog.oldest_at <= since;
        for _ in 0..WAITS {
            if !list_backlog(&self.pool, self.account.brand.id()).await?.iter().any(is_pending) {
                break;
            }
            tokio::time::sleep(WAIT).await;
            turn.renew("").await?;
        }
        Ok(())
    }

    async fn walk_pages(&self, turn: &Turn<'_>, first: Ask, mut is_counted: bool) -> Result<(), Stop> {
        let mut walked: VecDeque<Ask> = VecDeque::new();
        let mut heard = turn.ask(&first).await?;
        let mut ask = first;
        loop {
            let next = next_ask(&ask, &heard, &walked, turn.progress().total);
            if next.as_ref() == Some(&ask) {
                return Err(Stop::Broken(CallError::Unreadable(Unreadable::Missing("end of the list"))));
            }
            // The next page is on its way while this one is applied.
            let fetch = async {
                match &next {
                    Some(next) => turn.ask(next).await.map(Some),
                    None => Ok(None),
                }
            };
            let is_counted = std::mem::take(&mut is_counted) || walked.contains(&ask);
            let (kept, fetched) = tokio::join!(self.keep(turn, &ask, &heard, is_counted), fetch);
            kept?;
            let (Some(next), Some(more)) = (next, fetched?) else { return Ok(()) };
            if !more.there.is_empty() && more.there == heard.there && !walked.contains(&next) {
                return Err(Stop::Broken(CallError::Unreadable(Unreadable::Missing("next page: the list repeats itself"))));
            }
            walked.push_back(std::mem::replace(&mut ask, next));
            if walked.len() > REMEMBERED {
                walked.pop_front();
            }
            heard = more;
        }
    }

    /// Applies a page and writes down that it is. The page itself is kept as the place to go on from: when some of it is gone by
    /// then, what moved up to it is not missed.
    async fn keep(&self, turn: &Turn<'_>, ask: &Ask, heard: &Heard, is_counted: bool) -> Result<(), Stop> {
        let news = turn.take(heard).await?;
        let sightings: Vec<[u8; 16]> = match turn.pass() {
            Pass::Whole => heard.there.iter().map(|key| turn.sighting(key)).collect(),
            Pass::Changes { .. } => Vec::new(),
        };
        turn.save(Step {
            cursor: Some(ask.to_json()),
            walked: if is_counted { 0 } else { heard.there.len().max(heard.places.len()) },
            news,
            total: heard.total,
            sightings: &sightings,
            ..Step::default()
        })
        .await
    }
}

/// The page to walk next: a page already walked, where so many things went that what follows has moved up to it.
fn next_ask(ask: &Ask, heard: &Heard, walked: &VecDeque<Ask>, total_before: Option<u64>) -> Option<Ask> {
    let fewer = total_before.zip(heard.total).map_or(0, |(before, now)| before.saturating_sub(now));
    let page = u64::try_from(heard.there.len()).unwrap_or(u64::MAX).max(1);
    let back = usize::try_from(fewer.div_ceil(page)).unwrap_or(usize::MAX).min(walked.len());
    let again = if back == 0 { None } else { walked.get(walked.len().saturating_sub(back)).cloned() };
    again.filter(|again| again != ask).or_else(|| heard.next.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(n: usize) -> Ask {
        Ask::all("contacts").on_page(n.to_string())
    }

    #[test]
    fn pages_are_walked_again_when_what_follows_has_moved_up() {
        let walked: VecDeque<Ask> = (1..5).map(page).collect();
        let heard = |total| Heard { there: vec![String::new(); 10], next: Some(page(6)), total, ..Heard::default() };
        for (before, now, expected) in
            [(None, Some(90), 6), (Some(100), Some(100), 6), (Some(100), Some(99), 4), (Some(100), Some(89), 3), (Some(100), Some(0), 1)]
        {
            assert_eq!(next_ask(&page(5), &heard(now), &walked, before), Some(page(expected)), "{before:?} {now:?}");
        }
        assert_eq!(next_ask(&page(1), &heard(Some(1)), &VecDeque::new(), Some(9)), Some(page(6)), "nothing was walked before");
    }
}
