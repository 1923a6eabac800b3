//! Omneo's API: lists by page, and everything about a profile below its id.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::OmneoSettings;
use super::shape::reports_deletion;
use super::webhooks::{owner_of, winner_of};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::api::{
    ApiConnector, ApiRequest, ListCoverage, LookupTarget, ParsedReply, Reply, Request, Stream,
    Target, Traversal,
};
use crate::sources::extract::id_at;
use crate::sources::path::Path;
use crate::sources::{Delivery, Unreadable};

/// Profiles come first, because events belong to them.
const STREAMS: [Stream; 5] = [
    Stream {
        name: "profiles",
        traversal: Traversal::List(ListCoverage::Records(SourceKind::OmneoProfile)),
    },
    Stream {
        name: "transactions",
        traversal: Traversal::List(ListCoverage::Events("transaction")),
    },
    Stream { name: "rewards", traversal: Traversal::List(ListCoverage::Events("reward")) },
    Stream { name: "benefits", traversal: Traversal::List(ListCoverage::Events("benefit")) },
    Stream {
        name: "interactions",
        traversal: Traversal::List(ListCoverage::Events("interaction")),
    },
];

/// Lists of profiles, by their filter.
pub(super) const PROFILES: &str = "profiles";
pub(super) const PROFILES_SINCE: &str = "profiles since";
pub(super) const PROFILES_WITH_EMAIL: &str = "profiles with email";
pub(super) const PROFILES_WITH_PHONE: &str = "profiles with phone";
pub(super) const PROFILES_WITH_IDENTITY: &str = "profiles with identity";
/// A profile that should exist.
pub(super) const PROFILE: &str = "profile";
/// The same, with all its parts.
pub(super) const WHOLE_PROFILE: &str = "whole profile";
/// A profile that may exist.
pub(super) const PROFILE_WITH_ID: &str = "profile with id";

/// The parts of a profile, and their paths. The last four also exist as lists for all profiles.
pub(super) const PARTS: [(&str, &str); 9] = [
    ("identities", "identities"),
    ("attributes", "attributes/custom"),
    ("tiers", "tiers"),
    ("balances", "balances"),
    ("aggregations", "aggregations"),
    ("transactions", "transactions"),
    ("rewards", "rewards"),
    ("benefits", "benefits"),
    ("interactions", "interactions"),
];

impl ApiConnector for OmneoSettings {
    fn streams(&self) -> &'static [Stream] {
        &STREAMS
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    /// Only profiles have a documented filter by time.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest> {
        let known = STREAMS.iter().any(|known| known.name == stream);
        match since {
            None => known.then(|| ApiRequest::all(stream)),
            Some(since) => (stream == PROFILES)
                .then(|| ApiRequest::about(PROFILES_SINCE, &self.written(since))),
        }
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<ApiRequest> {
        None
    }

    fn find(&self, whom: &LookupTarget, known: &[Record]) -> Vec<ApiRequest> {
        let known: Vec<&Record> =
            known.iter().filter(|record| record.key.kind == SourceKind::OmneoProfile).collect();
        let search = match whom {
            // At most one profile in Omneo has such an address.
            LookupTarget::Address(address)
                if known
                    .iter()
                    .any(|record| identifiers_of(record, None).values.contains(address)) =>
            {
                Vec::new()
            }
            LookupTarget::Address(Identifier { kind: IdentifierKind::Email, value }) => {
                vec![ApiRequest::about(PROFILES_WITH_EMAIL, value)]
            }
            LookupTarget::Address(Identifier { kind: IdentifierKind::Phone, value }) => {
                vec![ApiRequest::about(PROFILES_WITH_PHONE, value)]
            }
            LookupTarget::Address(_) => Vec::new(),
            LookupTarget::Id(_) if !known.is_empty() => Vec::new(),
            LookupTarget::Id(id) => {
                let own =
                    Uuid::try_parse(id).is_ok().then(|| ApiRequest::about(PROFILE_WITH_ID, id));
                [ApiRequest::about(PROFILES_WITH_IDENTITY, id)].into_iter().chain(own).collect()
            }
        };
        known
            .iter()
            .map(|record| ApiRequest::about(WHOLE_PROFILE, &record.key.id))
            .chain(search)
            .collect()
    }

    fn confirm(&self, record: &Record) -> Option<ApiRequest> {
        (record.key.kind == SourceKind::OmneoProfile)
            .then(|| ApiRequest::about(PROFILE, &record.key.id))
    }

    /// The result of a merge is in no webhook. The profile that reached a tier is sometimes missing too.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<ApiRequest> {
        let Ok(body) = delivery.json() else { return Vec::new() };
        let profile = |id: Option<String>| id.map(|id| ApiRequest::about(PROFILE, &id));
        match delivery.header("x-omneo-event").unwrap_or_default() {
            "profile.merged" => {
                let identities = winner_of(&body).map(|id| ApiRequest::about("identities", &id));
                profile(winner_of(&body)).into_iter().chain(identities).collect()
            }
            "profile.deleted" if !reports_deletion(&body) => {
                profile(id_at(&body, "/id")).into_iter().collect()
            }
            "tier.lost" | "tier.maintained" | "tier.progressed"
                if !body.get("profile").is_some_and(serde_json::Value::is_object) =>
            {
                profile(owner_of(&body)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        let path = match ask.what.as_str() {
            PROFILES => Path::new("/profiles"),
            PROFILES_SINCE => Path::new("/profiles").with("filter[updated_at][gte]", &ask.about),
            PROFILES_WITH_EMAIL => Path::new("/profiles").with("filter[email]", &ask.about),
            PROFILES_WITH_PHONE => Path::new("/profiles").with("filter[mobile_phone]", &ask.about),
            PROFILES_WITH_IDENTITY => {
                return below(Path::new("/identities/search-profile").segment(&ask.about)?);
            }
            PROFILE | WHOLE_PROFILE | PROFILE_WITH_ID => {
                return below(Path::new("/profiles").segment(&ask.about)?);
            }
            what if ask.about.is_empty() => {
                Path::new(&format!("/{}", STREAMS.iter().find(|stream| stream.name == what)?.name))
            }
            what => {
                let (_, part) = PARTS.iter().find(|(known, _)| *known == what)?;
                part.split('/')
                    .try_fold(Path::new("/profiles").segment(&ask.about)?, Path::segment)?
            }
        };
        if !ask.page.is_empty() && ask.page.parse::<u64>().is_err() {
            return Some(Request::get(Target::Given(ask.page.clone())));
        }
        let page = if ask.page.is_empty() { "1" } else { ask.page.as_str() };
        below(path.with("page[size]", &self.api.page_size.to_string()).with("page[number]", page))
    }

    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        self.parsed_reply(ask, reply)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all arms of the match have the same type")]
fn below(path: Path) -> Option<Request> {
    Some(Request::get(Target::Below(path.finish())))
}
