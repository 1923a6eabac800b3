//! Builds paths and queries of requests. Values from sources and people are encoded, so that they cannot change
//! the structure.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Only the unreserved characters of RFC 3986 (section 2.3) stay unencoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path and query below an account's base URL.
pub(super) struct Path(String);

impl Path {
    /// A fixed path, which begins with a slash.
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Adds a segment; `None` for one that URL parsers resolve, encoded or not (WHATWG URL, "double-dot URL
    /// path segment").
    pub(super) fn segment(mut self, segment: &str) -> Option<Self> {
        let _ = write!(self.0, "/{}", utf8_percent_encode(segment, ENCODED));
        (!matches!(segment, "" | "." | "..")).then_some(self)
    }

    /// Adds a parameter.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        let (name, value) =
            (utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED));
        let _ = write!(self.0, "{separator}{name}={value}");
        self
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        let path = Path::new("/profiles")
            .segment("a/../b?c#d%2e+é")
            .map(|path| path.with("filter[x]", "+31&y=1 2").finish());
        assert_eq!(
            path.as_deref(),
            Some("/profiles/a%2F..%2Fb%3Fc%23d%252e%2B%C3%A9?filter%5Bx%5D=%2B31%26y%3D1%202")
        );
        for away in ["", ".", ".."] {
            assert!(Path::new("/profiles").segment(away).is_none(), "{away}");
        }
    }
}
