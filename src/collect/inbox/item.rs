//! A claimed delivery, and what it says.

use uuid::Uuid;

use crate::customer::kind::Source;
use crate::customer::record::Change;
use crate::sources::{Delivery, Reading, Unreadable};
use crate::storage::inbox::{ClaimedRow, Verdict};

/// A delivery that a worker has claimed.
pub(super) struct Item {
    pub id: Uuid,
    pub source: Source,
    pub attempts: u32,
    pub delivery: Delivery,
}

impl From<ClaimedRow> for Item {
    fn from(row: ClaimedRow) -> Self {
        let delivery = Delivery { headers: row.headers, body: row.body, received_at: row.received_at };
        Self { id: row.delivery_id, source: row.source, attempts: row.attempts, delivery }
    }
}

/// What it says.
pub(super) struct Read<'a> {
    pub item: &'a Item,
    pub reading: Result<Reading, Unreadable>,
}

impl Read<'_> {
    /// The changes in it, if it was read and says something.
    pub(super) fn changes(&self) -> Option<&[Change]> {
        match &self.reading {
            Ok(Reading::Changes(changes)) => Some(changes),
            Ok(Reading::Ignored(_)) | Err(_) => None,
        }
    }

    /// What comes of it once its changes are applied.
    pub(super) fn verdict(&self) -> Verdict {
        match &self.reading {
            Ok(Reading::Changes(_)) => Verdict::Done(String::new()),
            Ok(Reading::Ignored(why)) => Verdict::Done(format!("ignored: {why}")),
            // It would be just as unreadable the next time.
            Err(unreadable) => Verdict::Dead(unreadable.to_string()),
        }
    }
}
