//! The page that a person without a session asked for. After they logged in, they go there. It is always a page of the table of
//! routes, below a brand: no text of a stranger leads anywhere else.

use url::form_urlencoded::{Serializer, parse};

use super::route::ConsoleRoute;
use super::way_back::pages_of;

/// The field of the address of the page for logging in, and of its forms.
pub(super) const FIELD: &str = "to";

/// Longer paths and queries are forgotten.
const MAX_BYTES: usize = 1_000;

/// Fields of a query that are of no use in another session.
const FORGOTTEN: [&str; 2] = ["asked", "done"];

/// A page below a brand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WantedPage {
    brand: String,
    /// The path below the brand. It begins with a slash.
    path: String,
    /// The fields of the query, as they are sent. Empty without any.
    query: String,
}

impl WantedPage {
    /// The page that a request is about: a form belongs to the page that it was on. `None` if there is none that shows something
    /// without a form.
    pub(super) fn of(route: ConsoleRoute, (brand, id, query): (&str, &str, &str)) -> Option<Self> {
        let shows = |page: &ConsoleRoute| *page != ConsoleRoute::CustomerActPreview;
        let page = pages_of(route).into_iter().find(shows)?;
        let path = page.pattern().replace("{id}", id);
        let query = if page == route { query } else { "" };
        Self::parse(&format!("/{brand}{path}?{query}"))
    }

    /// Reads what [`to_text`](Self::to_text) wrote, or what somebody else made of it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (brand, below) = path.strip_prefix('/')?.split_once('/')?;
        let path = format!("/{below}");
        let is_page = ConsoleRoute::ALL.iter().any(|page| !page.is_act() && is_like(&path, *page));
        if path.len() > MAX_BYTES || !is_plain(brand) || !is_page {
            return None;
        }
        let fields =
            parse(query.as_bytes()).filter(|(name, _)| !FORGOTTEN.contains(&name.as_ref()));
        let mut query = Serializer::new(String::new()).extend_pairs(fields).finish();
        if query.len() > MAX_BYTES {
            query.clear();
        }
        Some(Self { brand: brand.to_owned(), path, query })
    }

    /// The path below the console, with the query.
    pub(super) fn to_text(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("/{}{}{mark}{}", self.brand, self.path, self.query)
    }

    /// The query of the page for logging in, with the question mark.
    pub(super) fn as_query(&self) -> String {
        let field = Serializer::new(String::new()).append_pair(FIELD, &self.to_text()).finish();
        format!("?{field}")
    }

    /// The brand.
    pub(super) fn brand(&self) -> &str {
        &self.brand
    }
}

/// Where a person goes who just logged in to a brand, below the console: to the page that they asked for, if it is one of this
/// brand, or to the first page.
pub(super) fn first_page_of(brand: &str, wanted: Option<&WantedPage>) -> String {
    let page = wanted.filter(|page| page.brand == brand).map(WantedPage::to_text);
    let page = page.unwrap_or_else(|| format!("/{brand}/"));
    let mark = if page.contains('?') { '&' } else { '?' };
    format!("{page}{mark}done=logged-in")
}

/// Whether a path is one of a page, whatever its id.
fn is_like(path: &str, page: ConsoleRoute) -> bool {
    let (own, other) = (page.pattern().split('/'), path.split('/'));
    let fits = |(own, part)| if own == "{id}" { is_plain(part) } else { own == part };
    own.clone().count() == other.clone().count() && own.zip(other).all(fits)
}

/// Whether a part of a path has letters that mean nothing else there.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_below_a_brand_are_wanted() {
        for (text, kept) in [
            ("/demo/", "/demo/"),
            ("/demo/reviews/a-1_b?done=undone", "/demo/reviews/a-1_b"),
            ("/demo/audit?from=2026-11-19&asked=x", "/demo/audit?from=2026-11-19"),
            ("/demo/inbox?event=a%20%26b", "/demo/inbox?event=a+%26b"),
            (
                "/demo/audit?x=%0d%0aSet-Cookie:a//evil",
                "/demo/audit?x=%0D%0ASet-Cookie%3Aa%2F%2Fevil",
            ),
        ] {
            assert_eq!(WantedPage::parse(text).map(|page| page.to_text()).as_deref(), Some(kept));
        }
        for odd in [
            "",
            "/",
            "//",
            "//evil.example/",
            "//evil.example/customers",
            "/\\evil.example/",
            "https://evil.example/demo/",
            "/demo",
            "/demo//",
            "/demo/../",
            "/demo/customers/..",
            "/demo/customers/a%2fb",
            "/demo/customers/a\r\nb",
            "/demo/customers/{id}",
            "/demo/logout",
            "/demo/nothing",
            "/login",
            "/oidc/start",
            "/evil.example/customers",
            "javascript:/demo/",
        ] {
            assert_eq!(WantedPage::parse(odd), None, "{odd}");
        }
        let long = "x".repeat(MAX_BYTES);
        let page = WantedPage::parse(&format!("/demo/audit?x={long}")).unwrap();
        assert_eq!(page.to_text(), "/demo/audit");
        assert_eq!(WantedPage::parse(&format!("/demo/customers/{long}")), None);
    }

    #[test]
    fn a_form_leads_to_its_page() {
        let page = |route| WantedPage::of(route, ("demo", "a", "x=1")).map(|page| page.to_text());
        for (route, path) in [
            (ConsoleRoute::Customer, "/demo/customers/a?x=1"),
            (ConsoleRoute::CustomerActPreview, "/demo/customers/a"),
            (ConsoleRoute::DecideCustomerAct, "/demo/customers/a"),
            (ConsoleRoute::EraseCustomer, "/demo/customers/a/erase"),
            (ConsoleRoute::ReplayDeliveries, "/demo/inbox"),
            (ConsoleRoute::AnswerReview, "/demo/reviews/a"),
        ] {
            assert_eq!(page(route).as_deref(), Some(path));
        }
        assert_eq!(page(ConsoleRoute::LogOut), None);
    }

    #[test]
    fn who_logs_in_goes_to_the_page_of_the_same_brand() {
        let wanted = WantedPage::parse("/demo/audit?from=2026-11-19");
        let page = |brand| first_page_of(brand, wanted.as_ref());
        assert_eq!(page("demo"), "/demo/audit?from=2026-11-19&done=logged-in");
        assert_eq!(page("shop"), "/shop/?done=logged-in");
        assert_eq!(first_page_of("demo", None), "/demo/?done=logged-in");
    }
}
