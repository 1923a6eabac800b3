//! Refuses forms that another site sends in a person's name.
//!
//! Browsers say where a request comes from, in `Sec-Fetch-Site`. Older ones, and all of them without https except on this
//! machine, only send `Origin`. A form with neither is refused.

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a form comes from a page of this console.
pub(super) fn is_own_form(headers: &HeaderMap, own_origin: &str) -> bool {
    match (headers.get(&FETCH_SITE), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            origin.to_str().is_ok_and(|origin| origin == own_origin || is_host(origin, headers))
        }
        (None, None) => false,
    }
}

/// Whether an origin is the host that was asked. Without a public URL, the console does not know its own name.
fn is_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(actix_web::http::header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.split_once("://").map(|(_, named)| named);
    host.is_some() && host == named
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HOST, HeaderValue};

    #[test]
    fn only_forms_of_our_own_pages_are_accepted() {
        let own = "https://console.brand.nl";
        let is_own = |site: Option<&'static str>, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8090"));
            site.map(|site| headers.insert(FETCH_SITE, HeaderValue::from_static(site)));
            origin.map(|origin| headers.insert(ORIGIN, HeaderValue::from_static(origin)));
            is_own_form(&headers, own)
        };
        assert!(is_own(Some("same-origin"), None));
        assert!(is_own(None, Some(own)));
        assert!(is_own(None, Some("http://127.0.0.1:8090")));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!is_own(Some(site), Some(own)), "{site}");
        }
        for origin in ["null", "https://evil.example", "https://console.brand.nl.evil.example", ""]
        {
            assert!(!is_own(None, Some(origin)), "{origin}");
        }
        assert!(!is_own(None, None));
    }
}
