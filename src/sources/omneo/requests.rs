//! The requests to Omneo's API: lists by page, and everything about a profile below its id.

use serde::{Deserialize, Serialize};

use super::settings::OmneoSettings;
use crate::sources::api::http::{Request, Target};
use crate::sources::path::Path;

/// A request to Omneo.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmneoRequest {
    /// A page of a part of a profile.
    Part {
        /// The part.
        part: OmneoPart,
        /// The profile's id.
        profile: String,
        /// The page.
        page: OmneoPage,
    },
    /// A profile that should exist.
    Profile {
        /// Its id.
        id: String,
    },
    /// A profile that should exist, with all its parts.
    WholeProfile {
        /// Its id.
        id: String,
    },
    /// A profile that may exist, with all its parts.
    PossibleProfile {
        /// Its id.
        id: String,
    },
    /// A page of a list of profiles.
    Profiles {
        /// Which profiles.
        filter: ProfileFilter,
        /// The page.
        page: OmneoPage,
    },
    /// The profiles with an identity.
    ProfilesWithIdentity {
        /// The identifier in another system.
        identifier: String,
    },
    /// A page of the events of all profiles.
    Events {
        /// Which events.
        events: OmneoEvents,
        /// The page.
        page: OmneoPage,
    },
}

/// The profiles on a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileFilter {
    /// All.
    All,
    /// Those that changed since a time, in Omneo's format.
    ChangedSince(String),
    /// Those with an e-mail address.
    Email(String),
    /// Those with a mobile number.
    Phone(String),
}

/// A page of a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmneoPage {
    /// The first one.
    First,
    /// The page with a number.
    Number(u64),
    /// The page at a URL from the page before.
    Url(String),
}

impl OmneoPage {
    /// The page that a reply names.
    pub(super) fn named(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Url(text.to_owned()), Self::Number)
    }
}

/// Events that have a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmneoEvents {
    /// Benefits.
    Benefits,
    /// Interactions.
    Interactions,
    /// Rewards.
    Rewards,
    /// Transactions.
    Transactions,
}

impl OmneoEvents {
    /// All.
    pub(super) const ALL: [Self; 4] =
        [Self::Transactions, Self::Rewards, Self::Benefits, Self::Interactions];

    /// The name of the list, also in its path.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Benefits => "benefits",
            Self::Interactions => "interactions",
            Self::Rewards => "rewards",
            Self::Transactions => "transactions",
        }
    }

    /// The name of one event in webhooks.
    pub(super) const fn one(self) -> &'static str {
        match self {
            Self::Benefits => "benefit",
            Self::Interactions => "interaction",
            Self::Rewards => "reward",
            Self::Transactions => "transaction",
        }
    }
}

/// A part of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmneoPart {
    /// Sums over its purchases.
    Aggregations,
    /// Custom attributes.
    Attributes,
    /// Balances.
    Balances,
    /// Its benefits.
    Benefits,
    /// References to other systems.
    Identities,
    /// Its interactions.
    Interactions,
    /// Its rewards.
    Rewards,
    /// Its tiers.
    Tiers,
    /// Its transactions.
    Transactions,
}

impl OmneoPart {
    /// All parts, in the order in which they are requested.
    pub(super) const ALL: [Self; 9] = [
        Self::Identities,
        Self::Attributes,
        Self::Tiers,
        Self::Balances,
        Self::Aggregations,
        Self::Transactions,
        Self::Rewards,
        Self::Benefits,
        Self::Interactions,
    ];

    /// The segments of its path, below the profile.
    const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Aggregations => &["aggregations"],
            Self::Attributes => &["attributes", "custom"],
            Self::Balances => &["balances"],
            Self::Benefits => &["benefits"],
            Self::Identities => &["identities"],
            Self::Interactions => &["interactions"],
            Self::Rewards => &["rewards"],
            Self::Tiers => &["tiers"],
            Self::Transactions => &["transactions"],
        }
    }
}

impl OmneoRequest {
    /// The first page of a list of profiles.
    pub(super) const fn profiles(filter: ProfileFilter) -> Self {
        Self::Profiles { filter, page: OmneoPage::First }
    }

    /// The first page of a part of a profile.
    pub(super) fn part(part: OmneoPart, profile: &str) -> Self {
        Self::Part { part, profile: profile.to_owned(), page: OmneoPage::First }
    }

    /// The page of a list.
    pub(super) const fn page(&self) -> Option<&OmneoPage> {
        match self {
            Self::Part { page, .. } | Self::Profiles { page, .. } | Self::Events { page, .. } => {
                Some(page)
            }
            Self::Profile { .. }
            | Self::WholeProfile { .. }
            | Self::PossibleProfile { .. }
            | Self::ProfilesWithIdentity { .. } => None,
        }
    }

    /// The same list at another page; `None` if it has no pages.
    pub(super) fn on_page(&self, other: OmneoPage) -> Option<Self> {
        let mut request = self.clone();
        match &mut request {
            Self::Part { page, .. } | Self::Profiles { page, .. } | Self::Events { page, .. } => {
                *page = other;
            }
            Self::Profile { .. }
            | Self::WholeProfile { .. }
            | Self::PossibleProfile { .. }
            | Self::ProfilesWithIdentity { .. } => return None,
        }
        Some(request)
    }

    pub(in crate::sources) const fn page_number(&self) -> Option<u64> {
        match self.page() {
            Some(OmneoPage::Number(number)) => Some(*number),
            Some(OmneoPage::First | OmneoPage::Url(_)) | None => None,
        }
    }

    /// Its kind, without its values.
    pub(in crate::sources) const fn kind(&self) -> &'static str {
        match self {
            Self::Part { .. } => "part",
            Self::Profile { .. } => "profile",
            Self::WholeProfile { .. } => "whole profile",
            Self::PossibleProfile { .. } => "possible profile",
            Self::Profiles { .. } => "profiles",
            Self::ProfilesWithIdentity { .. } => "profiles with identity",
            Self::Events { .. } => "events",
        }
    }

    /// The HTTP form; `None` if an id cannot be a segment of a path.
    pub(super) fn over_http(&self, settings: &OmneoSettings) -> Option<Request> {
        let path = self.path()?;
        let number = match self.page() {
            None => return Some(Request::get(Target::Below(path.finish()))),
            Some(OmneoPage::Url(url)) => return Some(Request::get(Target::Given(url.clone()))),
            Some(OmneoPage::First) => 1,
            Some(OmneoPage::Number(number)) => *number,
        };
        let path = path
            .with("page[size]", &settings.api.page_size.to_string())
            .with("page[number]", &number.to_string());
        Some(Request::get(Target::Below(path.finish())))
    }

    /// The path, and the filter of a list.
    fn path(&self) -> Option<Path> {
        match self {
            Self::Part { part, profile, .. } => {
                let profile = Path::new("/profiles").segment(profile)?;
                part.path().iter().copied().try_fold(profile, Path::segment)
            }
            Self::Profile { id } | Self::WholeProfile { id } | Self::PossibleProfile { id } => {
                Path::new("/profiles").segment(id)
            }
            Self::Profiles { filter, .. } => {
                let path = Path::new("/profiles");
                Some(match filter {
                    ProfileFilter::All => path,
                    ProfileFilter::ChangedSince(at) => path.with("filter[updated_at][gte]", at),
                    ProfileFilter::Email(email) => path.with("filter[email]", email),
                    ProfileFilter::Phone(phone) => path.with("filter[mobile_phone]", phone),
                })
            }
            Self::ProfilesWithIdentity { identifier } => {
                Path::new("/identities/search-profile").segment(identifier)
            }
            Self::Events { events, .. } => Some(Path::new(&format!("/{}", events.name()))),
        }
    }
}
