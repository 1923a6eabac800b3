//! Rooms, desks and locations, as URLs of the API name them: `.../locations/<id>/resources/<id>/bookings/<id>`.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::customer::model::event::field;
use crate::customer::model::text;
use crate::sources::api::{Ask, Place};

/// A sort of place.
pub(super) struct PlaceKind {
    /// One of it, and the question about it.
    pub(super) one: &'static str,
    /// All of it, in URLs too.
    pub(super) all: &'static str,
    /// The event's field that shows its name.
    pub(super) shown_as: &'static str,
}

/// Those that a booking shows.
pub(super) const SHOWN: [PlaceKind; 2] = [
    PlaceKind { one: "resource", all: "resources", shown_as: "data.resource" },
    PlaceKind { one: "location", all: "locations", shown_as: "data.location" },
];

/// A place that a URL is about or leads through.
pub(super) struct PlaceRef {
    sort: &'static str,
    /// Its id here.
    pub(super) id: String,
    /// What tells its name.
    pub(super) ask: Ask,
}

impl PlaceRef {
    /// The event's field that holds the id.
    pub(super) fn field(&self) -> String {
        format!("{}{}", field::PLACE, self.sort)
    }
}

impl PlaceKind {
    /// The id here of a place with an id there: a room's may be the same as a location's.
    fn id(&self, id: &str) -> Option<String> {
        text::id(&format!("{}/{id}", self.one))
    }

    /// A place of this sort that has a name.
    pub(super) fn place(&self, id: &str, name: String) -> Option<Place> {
        Some(Place { id: self.id(id)?, name })
    }

    /// The place of this sort in a URL.
    pub(super) fn in_url(&self, url: &str) -> Option<PlaceRef> {
        let mut url = Url::parse(url).ok()?;
        let mut segments = url.path_segments()?;
        let mut path: Vec<String> = segments.by_ref().take_while(|segment| *segment != self.all).map(str::to_owned).collect();
        let id = segments.next().filter(|id| !id.is_empty())?.to_owned();
        path.extend([self.all.to_owned(), id.clone()]);
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(&path.join("/"));
        let id = self.id(&percent_decode_str(&id).decode_utf8().ok()?)?;
        Some(PlaceRef { sort: self.one, id, ask: Ask::about(self.one, url.as_str()) })
    }
}
