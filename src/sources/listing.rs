//! A page of a list, in any envelope. The names of the list and of the total, and the sign for further pages,
//! differ between vendors, and some vendors do not document them.

use serde_json::Value;

use super::value::{text_of, truth_of};

/// Common names of lists.
const LIST_NAMES: [&str; 4] = ["items", "results", "records", "data"];

/// Where pages report the total and further pages.
const PAGING_PATHS: [&str; 6] =
    ["", "/meta", "/pagination", "/data", "/data/meta", "/data/pagination"];

/// A page of a list.
pub(super) struct Listing<'a> {
    /// The items on it.
    pub(super) items: &'a [Value],
    stated: Option<u64>,
    body: &'a Value,
}

impl<'a> Listing<'a> {
    /// Finds a list: the body itself, or under `data`, under its own or a common name, or one level deeper
    /// under `data`; `None` if there is none.
    pub(super) fn find(body: &'a Value, name: &str) -> Option<Self> {
        let within = |object: &'a Value| {
            let names = ["data", name].into_iter().chain(LIST_NAMES);
            object
                .as_array()
                .or_else(|| names.filter_map(|name| object.get(name)).find_map(Value::as_array))
        };
        let found = within(body).or_else(|| within(body.get("data")?));
        let listing =
            Self { items: found.map(Vec::as_slice).unwrap_or_default(), stated: None, body };
        let stated =
            listing.beside(&["total", "totalCount", "total_count", "count"]).find_map(number);
        (found.is_some() || stated == Some(0)).then_some(Self { stated, ..listing })
    }

    /// Number of items in the whole list. A count that is not larger than the page may be the count of the page
    /// only.
    pub(super) fn total(&self, page: u64, size: u32) -> Option<u64> {
        let count = self.count();
        let is_doubtful = count > 0 && (page > 1 || count >= u64::from(size));
        self.stated.filter(|total| *total > count || !is_doubtful)
    }

    fn count(&self) -> u64 {
        u64::try_from(self.items.len()).unwrap_or(u64::MAX)
    }

    /// Whether there is another page after page `page`, which was requested with `size` items. If the reply
    /// does not say, a full page means that there may be one. A source may return smaller pages than requested.
    pub(super) fn has_more(&self, page: u64, size: u32) -> bool {
        let count = self.count();
        if count == 0 {
            return false;
        }
        self.says_more(page).unwrap_or_else(|| match self.stated.filter(|total| *total > count) {
            Some(total) => page.saturating_mul(count) < total,
            None => count >= u64::from(size),
        })
    }

    /// The URL of the next page, if the page has one.
    pub(super) fn next_url(&self) -> Option<&'a str> {
        let next = self
            .body
            .pointer("/links/next")
            .or_else(|| self.beside(&["next", "nextPageUrl", "next_page_url"]).next())?;
        next.as_str().filter(|url| url.contains("://"))
    }

    fn says_more(&self, page: u64) -> Option<bool> {
        let said = self
            .beside(&["hasMore", "has_more", "hasNext", "hasNextPage", "has_next"])
            .find_map(|value| truth_of(value).ok().flatten());
        let next = || {
            let links = self.body.pointer("/links/next");
            let next = links.or_else(|| self.beside(&["next", "nextPage", "next_page"]).next())?;
            Some(match next {
                Value::Bool(more) => *more,
                Value::String(text) if text.is_empty() => false,
                Value::String(_) | Value::Number(_) => number(next).is_none_or(|next| next > page),
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            })
        };
        let pages = || {
            self.beside(&["totalPages", "total_pages", "pageCount", "lastPage", "last_page"])
                .find_map(number)
        };
        said.or_else(next).or_else(|| Some(page < pages()?))
    }

    fn beside(&self, names: &'a [&str]) -> impl Iterator<Item = &'a Value> {
        let body = self.body;
        PAGING_PATHS
            .into_iter()
            .filter_map(move |pointer| body.pointer(pointer))
            .flat_map(move |object| names.iter().filter_map(|name| object.get(*name)))
    }
}

/// A whole number, also as text, and also after a conversion to a float.
pub(super) fn number(value: &Value) -> Option<u64> {
    text_of(value)?.trim_end_matches(".0").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(body: &Value) -> Option<(usize, Option<u64>)> {
        Listing::find(body, "contacts").map(|listing| (listing.items.len(), listing.total(1, 50)))
    }

    #[test]
    fn a_list_is_found_in_every_envelope() {
        for (body, expected) in [
            (json!([1, 2]), Some((2, None))),
            (json!({"data": [1], "total": 7}), Some((1, Some(7)))),
            (json!({"contacts": [1], "meta": {"totalCount": "7"}}), Some((1, Some(7)))),
            (json!({"data": {"contacts": [1, 2, 3], "total": 3}}), Some((3, Some(3)))),
            (json!({"data": {"items": []}, "pagination": {"count": 0}}), Some((0, Some(0)))),
            (json!({"results": []}), Some((0, None))),
            (json!({"data": null, "total": 0}), Some((0, Some(0)))),
            (json!({"error": "no"}), None),
            (json!({"data": {"error": "no"}}), None),
            (json!("no"), None),
        ] {
            assert_eq!(counts(&body), expected, "{body}");
        }
    }

    #[test]
    fn the_count_of_a_page_is_no_total() {
        for (page, size, total) in [(1, 2, None), (2, 3, None), (1, 3, Some(2))] {
            assert_eq!(
                Listing::find(&json!({"data": [1, 2], "count": 2}), "contacts")
                    .unwrap()
                    .total(page, size),
                total,
                "{page} {size}"
            );
        }
        assert_eq!(
            Listing::find(&json!({"data": [1, 2], "total": 9}), "contacts").unwrap().total(4, 2),
            Some(9)
        );
    }

    #[test]
    fn a_list_goes_on_as_it_says_and_else_while_its_pages_are_full() {
        for (body, page, more) in [
            (json!([1, 2]), 1, true),
            (json!([1]), 1, false),
            (json!([]), 1, false),
            (json!({"data": [], "hasMore": true}), 3, false),
            (json!({"data": [1, 2], "hasMore": false}), 1, false),
            (json!({"data": [1], "meta": {"hasNextPage": true}}), 1, true),
            (json!({"data": [1, 2], "next": null}), 1, false),
            (json!({"data": [1], "next": 2}), 1, true),
            (json!({"data": [1], "next": 2}), 2, false),
            (json!({"data": [1], "links": {"next": "https://example.org/?page=2"}}), 1, true),
            (json!({"data": [1, 2], "meta": {"totalPages": 2}}), 2, false),
            (json!({"data": [1, 2], "total": 4}), 2, false),
            (json!({"data": [1], "total": 4}), 1, true),
            (json!({"data": [1, 2], "count": 2}), 5, true),
        ] {
            assert_eq!(Listing::find(&body, "contacts").unwrap().has_more(page, 2), more, "{body}");
        }
    }
}
