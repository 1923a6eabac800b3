//! Rooms, desks and locations in URLs of the API: `.../locations/<id>/resources/<id>/bookings/<id>`.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::customer::model::event::field;
use crate::customer::model::text;
use crate::sources::api::place::Place;
use crate::sources::extract::Fields;

/// A kind of place that a booking shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// A building.
    Location,
    /// A room or desk.
    Resource,
}

/// A place in a URL.
pub(super) struct PlaceRef {
    pub(super) kind: PlaceKind,
    /// Its id in this service.
    pub(super) id: String,
    /// The URL that returns its name.
    pub(super) url: String,
}

impl PlaceRef {
    /// The places in the URL of a booking.
    pub(super) fn all_in(url: &str) -> impl Iterator<Item = Self> {
        PlaceKind::ALL.into_iter().filter_map(move |kind| kind.in_url(url))
    }

    /// Sets the event's field with the id of the place.
    pub(super) fn set(&self, fields: &mut Fields) {
        let field = format!("{}{}", field::PLACE, self.kind.name());
        fields.insert(field, Some(Value::from(self.id.clone())));
    }
}

impl PlaceKind {
    /// All kinds.
    pub(super) const ALL: [Self; 2] = [Self::Resource, Self::Location];

    /// The name of one place.
    const fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Resource => "resource",
        }
    }

    /// The name of the list, also in URLs and webhooks.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Location => "locations",
            Self::Resource => "resources",
        }
    }

    /// The event's field that shows the name of the place.
    pub(super) const fn shown_as(self) -> &'static str {
        match self {
            Self::Location => "data.location",
            Self::Resource => "data.resource",
        }
    }

    /// The id of a place in this service. It includes the kind, because a room may have the same id as a
    /// location.
    fn id(self, id: &str) -> Option<String> {
        text::id(&format!("{}/{id}", self.name()))
    }

    /// A place of this kind with a name.
    pub(super) fn place(self, id: &str, name: String) -> Option<Place> {
        Some(Place { id: self.id(id)?, name })
    }

    /// The place of this kind in a URL.
    pub(super) fn in_url(self, url: &str) -> Option<PlaceRef> {
        let mut url = Url::parse(url).ok()?;
        let mut segments = url.path_segments()?;
        let mut path: Vec<String> = segments
            .by_ref()
            .take_while(|segment| *segment != self.list())
            .map(str::to_owned)
            .collect();
        let id = segments.next().filter(|id| !id.is_empty())?.to_owned();
        path.extend([self.list().to_owned(), id.clone()]);
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(&path.join("/"));
        let id = self.id(&percent_decode_str(&id).decode_utf8().ok()?)?;
        Some(PlaceRef { kind: self, id, url: url.into() })
    }
}
