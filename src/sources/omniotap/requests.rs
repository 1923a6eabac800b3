//! The requests to OmnioTap's API: lists by page, and a search.

use serde::{Deserialize, Serialize};

use super::entity::Entity;
use super::settings::OmnioTapSettings;
use crate::sources::api::http::{Request, Target};
use crate::sources::path::Path;

/// A request to OmnioTap. Pages count from 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmnioTapRequest {
    /// A page of a list.
    List {
        /// The type of its objects.
        entity: Entity,
        /// The page.
        page: u64,
    },
    /// A page of the results of a search. All of them are used.
    Search {
        /// The people to search for.
        person: Person,
        /// The searched text.
        text: String,
        /// The page.
        page: u64,
    },
    /// A page of the results of a search. Those without the address are left out.
    SearchAddress {
        /// The people to search for.
        person: Person,
        /// The e-mail address or phone number.
        address: String,
        /// The page.
        page: u64,
    },
}

/// People that can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// Contacts.
    Contact,
    /// Customers.
    Customer,
}

impl Person {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Contact, Self::Customer];

    const fn entity(self) -> Entity {
        match self {
            Self::Contact => Entity::Contact,
            Self::Customer => Entity::Customer,
        }
    }
}

impl OmnioTapRequest {
    /// The type of the objects in the reply.
    pub(super) const fn entity(&self) -> Entity {
        match self {
            Self::List { entity, .. } => *entity,
            Self::Search { person, .. } | Self::SearchAddress { person, .. } => person.entity(),
        }
    }

    /// The page.
    pub(super) const fn page(&self) -> u64 {
        match self {
            Self::List { page, .. }
            | Self::Search { page, .. }
            | Self::SearchAddress { page, .. } => *page,
        }
    }

    /// The next page.
    pub(super) fn next(&self) -> Self {
        let mut next = self.clone();
        match &mut next {
            Self::List { page, .. }
            | Self::Search { page, .. }
            | Self::SearchAddress { page, .. } => *page = page.saturating_add(1),
        }
        next
    }

    pub(in crate::sources) const fn page_number(&self) -> Option<u64> {
        match self.page() {
            1 => None,
            page => Some(page),
        }
    }

    /// Its kind, without its values.
    pub(in crate::sources) const fn kind(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Search { .. } => "search",
            Self::SearchAddress { .. } => "search address",
        }
    }

    /// The HTTP form.
    pub(super) fn over_http(&self, settings: &OmnioTapSettings) -> Request {
        let path = Path::new(&format!("/{}", self.entity().list()))
            .with("page", &self.page().to_string())
            .with("limit", &settings.api.page_size.to_string());
        let path = match self {
            Self::List { .. } => path,
            Self::Search { text, .. } => path.with("search", text),
            Self::SearchAddress { address, .. } => path.with("search", address),
        };
        Request::get(Target::Below(path.finish()))
    }
}
