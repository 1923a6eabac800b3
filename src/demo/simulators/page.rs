//! One page of a list.

use std::sync::Arc;

use super::table::Object;

/// Part of a list, with its position.
pub(super) struct Page {
    pub(super) rows: Vec<Arc<Object>>,
    /// The number of objects in the whole list.
    pub(super) total: usize,
    /// The page number, from 1.
    pub(super) number: usize,
    pub(super) size: usize,
}

impl Page {
    /// A page of a list. Page 0 counts as 1, and size 0 as 1.
    pub(super) fn of(all: &[Arc<Object>], number: usize, size: usize) -> Self {
        let (number, size) = (number.max(1), size.max(1));
        let rows = all
            .iter()
            .skip(number.saturating_sub(1).saturating_mul(size))
            .take(size)
            .cloned()
            .collect();
        Self { rows, total: all.len(), number, size }
    }

    /// The number of pages.
    pub(super) const fn pages(&self) -> usize {
        self.total.div_ceil(self.size)
    }

    /// The positions of the page's first and last object in the list, from 1. `None` if the page is empty.
    pub(super) fn range(&self) -> Option<(usize, usize)> {
        let first = self.number.saturating_sub(1).saturating_mul(self.size).saturating_add(1);
        (!self.rows.is_empty())
            .then(|| (first, first.saturating_add(self.rows.len()).saturating_sub(1)))
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
