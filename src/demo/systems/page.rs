//! One page of a list.

use std::sync::Arc;

use super::table::Object;

/// Some objects of a list, and where in it they are.
pub(super) struct Page {
    pub(super) rows: Vec<Arc<Object>>,
    /// How many the whole list has.
    pub(super) total: usize,
    /// From 1.
    pub(super) number: usize,
    pub(super) size: usize,
}

impl Page {
    /// A page of what is there; pages and sizes of nothing count as the first and the smallest.
    pub(super) fn of(all: &[Arc<Object>], number: usize, size: usize) -> Self {
        let (number, size) = (number.max(1), size.max(1));
        let rows = all.iter().skip(number.saturating_sub(1).saturating_mul(size)).take(size).cloned().collect();
        Self { rows, total: all.len(), number, size }
    }

    /// How many pages there are.
    pub(super) const fn pages(&self) -> usize {
        self.total.div_ceil(self.size)
    }

    /// Where the page begins in the list, from 1, and where it ends; `None` when nothing is on it.
    pub(super) fn range(&self) -> Option<(usize, usize)> {
        let first = self.number.saturating_sub(1).saturating_mul(self.size).saturating_add(1);
        (!self.rows.is_empty()).then(|| (first, first.saturating_add(self.rows.len()).saturating_sub(1)))
    }

    /// The objects as a JSON list.
    pub(super) fn list(&self) -> String {
        list(&self.rows)
    }
}

/// Objects as a JSON list.
pub(super) fn list(rows: &[Arc<Object>]) -> String {
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    format!("[{}]", texts.join(","))
}
