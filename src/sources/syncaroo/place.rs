//! Rooms, desks and locations in URLs of the API: `.../locations/<id>/resources/<id>/bookings/<id>`.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::customer::model::event::field;
use crate::customer::model::text;
use crate::sources::api::{ApiRequest, Place};

/// A kind of place.
pub(super) struct PlaceKind {
    /// The name of one place, also of the request about it.
    pub(super) one: &'static str,
    /// The name of the list, also in URLs.
    pub(super) all: &'static str,
    /// The event's field that shows the name of the place.
    pub(super) shown_as: &'static str,
}

/// The kinds of place that a booking shows.
pub(super) const SHOWN: [PlaceKind; 2] = [
    PlaceKind { one: "resource", all: "resources", shown_as: "data.resource" },
    PlaceKind { one: "location", all: "locations", shown_as: "data.location" },
];

/// A place in a URL.
pub(super) struct PlaceRef {
    sort: &'static str,
    /// Its id in this service.
    pub(super) id: String,
    /// The request that returns its name.
    pub(super) ask: ApiRequest,
}

impl PlaceRef {
    /// The event's field with the id of the place.
    pub(super) fn field(&self) -> String {
        format!("{}{}", field::PLACE, self.sort)
    }
}

impl PlaceKind {
    /// The id of a place in this service. It includes the kind, because a room may have the same id as a
    /// location.
    fn id(&self, id: &str) -> Option<String> {
        text::id(&format!("{}/{id}", self.one))
    }

    /// A place of this kind with a name.
    pub(super) fn place(&self, id: &str, name: String) -> Option<Place> {
        Some(Place { id: self.id(id)?, name })
    }

    /// The place of this kind in a URL.
    pub(super) fn in_url(&self, url: &str) -> Option<PlaceRef> {
        let mut url = Url::parse(url).ok()?;
        let mut segments = url.path_segments()?;
        let mut path: Vec<String> = segments
            .by_ref()
            .take_while(|segment| *segment != self.all)
            .map(str::to_owned)
            .collect();
        let id = segments.next().filter(|id| !id.is_empty())?.to_owned();
        path.extend([self.all.to_owned(), id.clone()]);
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(&path.join("/"));
        let id = self.id(&percent_decode_str(&id).decode_utf8().ok()?)?;
        Some(PlaceRef { sort: self.one, id, ask: ApiRequest::about(self.one, url.as_str()) })
    }
}
