//! The requests to Syncaroo's API: bookings by the URL from a webhook, and names of rooms and locations. It has
//! no requests about people.

use serde::{Deserialize, Serialize};

use super::place::PlaceKind;
use super::settings::SyncarooSettings;
use crate::sources::api::http::{Request, Target};
use crate::sources::path::Path;

/// A request to Syncaroo. The first page of a list has no URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncarooRequest {
    /// A booking.
    Booking {
        /// Its id here.
        id: String,
        /// Its URL, which cannot be derived from the id.
        url: String,
    },
    /// A room, desk or location.
    Place {
        /// Its kind.
        kind: PlaceKind,
        /// Its URL.
        url: String,
    },
    /// A page of all locations.
    Locations {
        /// The URL of a later page.
        page_url: Option<String>,
    },
    /// A page of the rooms and desks of a location.
    Resources {
        /// The location's id.
        location: String,
        /// The URL of a later page.
        page_url: Option<String>,
    },
}

impl SyncarooRequest {
    /// Its kind, without its values.
    pub(in crate::sources) const fn kind(&self) -> &'static str {
        match self {
            Self::Booking { .. } => "booking",
            Self::Place { .. } => "place",
            Self::Locations { .. } => "locations",
            Self::Resources { .. } => "resources",
        }
    }

    /// The HTTP form; `None` if the settings have no connection, or an id cannot be a segment of a path.
    pub(super) fn over_http(&self, settings: &SyncarooSettings) -> Option<Request> {
        let locations = || {
            let path = format!("/{}/{}", settings.connection_id, PlaceKind::Location.list());
            (settings.connection_id != 0).then(|| Path::new(&path))
        };
        let target = match self {
            Self::Booking { url, .. }
            | Self::Place { url, .. }
            | Self::Locations { page_url: Some(url) }
            | Self::Resources { page_url: Some(url), .. } => Target::Given(url.clone()),
            Self::Locations { page_url: None } => Target::Below(locations()?.finish()),
            Self::Resources { location, page_url: None } => {
                let path = locations()?.segment(location)?.segment(PlaceKind::Resource.list())?;
                Target::Below(path.finish())
            }
        };
        Some(Request::get(target))
    }
}
