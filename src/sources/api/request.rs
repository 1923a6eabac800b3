//! A request to the API of any source: what calls are shared by, and what is stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customer::model::source::Source;
use crate::sources::omneo::requests::OmneoRequest;
use crate::sources::omnilab::requests::OmniLabRequest;
use crate::sources::omniotap::requests::OmnioTapRequest;
use crate::sources::syncaroo::requests::SyncarooRequest;

/// A request to the API of a source. Equal requests share one call. Its values may identify a person, so only its
/// kind is ever shown. The order only serves to find equal ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiRequest {
    /// To OmnioTap.
    OmnioTap(OmnioTapRequest),
    /// To Omneo.
    Omneo(OmneoRequest),
    /// To OmniLab.
    OmniLab(OmniLabRequest),
    /// To Syncaroo.
    Syncaroo(SyncarooRequest),
}

impl ApiRequest {
    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!(self)
    }

    /// Parses the stored form; `None` if no version of this program wrote it.
    #[must_use]
    pub fn of_json(json: &Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }

    /// The source that it goes to.
    #[must_use]
    pub const fn source(&self) -> Source {
        match self {
            Self::OmnioTap(_) => Source::OmnioTap,
            Self::Omneo(_) => Source::Omneo,
            Self::OmniLab(_) => Source::OmniLab,
            Self::Syncaroo(_) => Source::Syncaroo,
        }
    }

    /// The number of a later page; `None` for the first one, and for a page that has a URL instead of a number.
    #[must_use]
    pub const fn page_number(&self) -> Option<u64> {
        match self {
            Self::OmnioTap(own) => own.page_number(),
            Self::Omneo(own) => own.page_number(),
            Self::OmniLab(own) => own.page_number(),
            Self::Syncaroo(_) => None,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::OmnioTap(own) => own.kind(),
            Self::Omneo(own) => own.kind(),
            Self::OmniLab(own) => own.kind(),
            Self::Syncaroo(own) => own.kind(),
        }
    }
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.source(), self.kind())
    }
}

/// A request of one source, as one of all.
pub trait SourceRequest: Into<ApiRequest> {
    /// The request, if it goes to this source.
    fn of(request: &ApiRequest) -> Option<&Self>;
}

macro_rules! request_of_source {
    ($source:ident, $request:ty) => {
        impl From<$request> for ApiRequest {
            fn from(own: $request) -> Self {
                Self::$source(own)
            }
        }

        impl SourceRequest for $request {
            fn of(request: &ApiRequest) -> Option<&Self> {
                if let ApiRequest::$source(own) = request { Some(own) } else { None }
            }
        }
    };
}

request_of_source!(OmnioTap, OmnioTapRequest);
request_of_source!(Omneo, OmneoRequest);
request_of_source!(OmniLab, OmniLabRequest);
request_of_source!(Syncaroo, SyncarooRequest);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sources::omneo::requests::{OmneoPage, ProfileFilter};

    #[test]
    fn a_request_is_stored_with_its_source_and_kind_and_shown_without_its_values() {
        let filter = ProfileFilter::Email("lotte@example.org".to_owned());
        let request =
            ApiRequest::from(OmneoRequest::Profiles { filter, page: OmneoPage::Number(2) });
        let stored = json!({"omneo": {"profiles": {"filter": {"email": "lotte@example.org"}, "page": {"number": 2}}}});
        assert_eq!(request.to_json(), stored);
        assert_eq!(ApiRequest::of_json(&stored), Some(request.clone()));
        assert_eq!(
            (format!("{request:?}").as_str(), request.page_number()),
            ("omneo profiles", Some(2))
        );
    }

    #[test]
    fn what_is_no_request_of_a_source_is_not_read() {
        for stored in [
            json!({"what": "contacts", "about": "", "page": ""}),
            json!({"omniotap": {"profiles": {"filter": "all", "page": "first"}}}),
            json!({"omniotap": {"list": {"entity": "contact", "page": "x&y"}}}),
            json!({"omneo": {"profile": {}}}),
            json!("omneo"),
            json!(null),
        ] {
            assert_eq!(ApiRequest::of_json(&stored), None, "{stored}");
        }
    }
}
