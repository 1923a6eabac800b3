//! Parses replies of Omneo's API: `{"data": ...}`, with `links` and `meta` for lists with pages.

use serde_json::Value;

use super::events::{EventSpec, tier};
use super::profile;
use super::profile::ProfileParser;
use super::requests::{OmneoEvents, OmneoPage, OmneoPart, OmneoRequest, ProfileFilter};
use super::settings::OmneoSettings;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, field};
use crate::sources::address_match;
use crate::sources::api::http::Reply;
use crate::sources::api::reply::ParsedReply;
use crate::sources::extract::FieldExtractor;
use crate::sources::listing::number;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at, time_at};

/// A parsed reply of Omneo.
type OmneoReply = ParsedReply<OmneoRequest>;

/// Fields of a profile that are empty if a complete reply does not contain them. Other fields may just not be
/// included.
const COLUMNS: [&str; 5] =
    [field::FIRST_NAME, field::LAST_NAME, "email.main", "phone.mobile", "phone.secondary"];

impl OmneoSettings {
    pub(super) fn parsed_reply(
        &self,
        ask: &OmneoRequest,
        reply: &Reply,
    ) -> Result<OmneoReply, Unreadable> {
        let by = ProfileParser { settings: self, received_at: reply.received_at };
        if reply.is_missing {
            return missing(ask, reply);
        }
        let in_utc = self.in_utc(&reply.body).map(|body| Reply { body, ..reply.clone() });
        let reply = in_utc.as_ref().unwrap_or(reply);
        let on_list = |parsed: OmneoReply| OmneoReply {
            total: total(&reply.body),
            next: self.next(ask, reply),
            ..parsed
        };
        match ask {
            OmneoRequest::Profile { .. }
            | OmneoRequest::WholeProfile { .. }
            | OmneoRequest::PossibleProfile { .. } => {
                let body = reply.body.get("data").unwrap_or(&reply.body);
                profiles(&by, ask, std::slice::from_ref(body))
            }
            OmneoRequest::Profiles { .. } | OmneoRequest::ProfilesWithIdentity { .. } => {
                profiles(&by, ask, list(&reply.body)?).map(on_list)
            }
            OmneoRequest::Events { events, .. } => {
                events_of(&by, None, *events, list(&reply.body)?).map(on_list)
            }
            OmneoRequest::Part { part, profile, .. } => match listed(*part) {
                Some(events) => {
                    events_of(&by, Some(profile), events, list(&reply.body)?).map(on_list)
                }
                None => Ok(OmneoReply {
                    next: self.next(ask, reply),
                    ..part_of(&by, profile, *part, &reply.body)?
                }),
            },
        }
    }

    /// The next page: `links.next` is a URL, which is followed only to an allowed origin; else the next number,
    /// while there are pages.
    fn next(&self, ask: &OmneoRequest, reply: &Reply) -> Option<OmneoRequest> {
        let (body, page) = (&reply.body, ask.page()?);
        if list(body).ok()?.is_empty() {
            return None;
        }
        let link = ["/links/next", "/next_page_url", "/meta/next_page_url"]
            .into_iter()
            .find_map(|pointer| body.pointer(pointer));
        let linked = link
            .and_then(Value::as_str)
            .filter(|url| !url.is_empty())
            .map(|url| (url, OmneoPage::named(url)))
            .filter(|(_, next)| next != page);
        let next = match (link, linked) {
            (_, Some((url, next))) if self.is_own_url(url) => next,
            // The API may not know its public name, so the page number is preferred. Without a number, the
            // caller reports a wrong origin.
            (_, Some((_, next))) => next_number(body).unwrap_or(next),
            (Some(_), None) => return None,
            (None, None) => next_number(body)?,
        };
        ask.on_page(next)
    }

    fn is_own_url(&self, url: &str) -> bool {
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        origin(url).is_some() && origin(url) == origin(&self.api.base_url)
    }
}

/// The page after this one, by number, while there are pages.
fn next_number(body: &Value) -> Option<OmneoPage> {
    let count = |name: &str| {
        body.get("meta").and_then(|meta| meta.get(name)).or_else(|| body.get(name)).and_then(number)
    };
    let next = count("current_page")?.saturating_add(1);
    (next <= count("last_page")?).then_some(OmneoPage::Number(next))
}

fn missing(ask: &OmneoRequest, reply: &Reply) -> Result<OmneoReply, Unreadable> {
    match ask {
        OmneoRequest::Profile { id } | OmneoRequest::WholeProfile { id } => {
            let gone = Change::Record {
                key: profile::key(id)?,
                update: profile::deletion(&Value::Null, reply.received_at),
            };
            Ok(OmneoReply { changes: vec![gone], ..OmneoReply::default() })
        }
        // A missing list does not mean that the list is empty.
        OmneoRequest::Profiles {
            filter: ProfileFilter::All | ProfileFilter::ChangedSince(_),
            ..
        }
        | OmneoRequest::Events { .. } => Err(Unreadable::Missing("list")),
        OmneoRequest::PossibleProfile { .. }
        | OmneoRequest::Profiles {
            filter: ProfileFilter::Email(_) | ProfileFilter::Phone(_),
            ..
        }
        | OmneoRequest::ProfilesWithIdentity { .. }
        | OmneoRequest::Part { .. } => Ok(OmneoReply::default()),
    }
}

/// The events in a part of a profile.
const fn listed(part: OmneoPart) -> Option<OmneoEvents> {
    match part {
        OmneoPart::Benefits => Some(OmneoEvents::Benefits),
        OmneoPart::Interactions => Some(OmneoEvents::Interactions),
        OmneoPart::Rewards => Some(OmneoEvents::Rewards),
        OmneoPart::Transactions => Some(OmneoEvents::Transactions),
        OmneoPart::Aggregations
        | OmneoPart::Attributes
        | OmneoPart::Balances
        | OmneoPart::Identities
        | OmneoPart::Tiers => None,
    }
}

fn list(body: &Value) -> Result<&[Value], Unreadable> {
    let found = body.as_array().or_else(|| body.get("data")?.as_array());
    found.map(Vec::as_slice).ok_or(Unreadable::Missing("list"))
}

fn total(body: &Value) -> Option<u64> {
    body.pointer("/meta/total").or_else(|| body.get("total")).and_then(number)
}

fn profiles(
    by: &ProfileParser<'_>,
    ask: &OmneoRequest,
    items: &[Value],
) -> Result<OmneoReply, Unreadable> {
    let searched = searched(ask);
    let address = searched.and_then(address_match::address);
    let is_list =
        matches!(ask, OmneoRequest::Profiles { .. } | OmneoRequest::ProfilesWithIdentity { .. });
    let parts: &[OmneoPart] = if wants_parts(ask) { &OmneoPart::ALL } else { &[] };
    let mut parsed_reply = OmneoReply::default();
    for item in items {
        // An item without an id does not stop the others.
        let Some(id) = id_at(item, "/id") else { continue };
        let Ok(Change::Record { key, mut update }) = by.profile(item, &id) else { continue };
        // The total of a list includes profiles that it reports as deleted.
        if update.scope != Scope::Deletion || is_list {
            parsed_reply.there.push(key.to_string());
        }
        if searched.is_some()
            && !address.as_ref().is_some_and(|address| address_match::has(&update, address))
        {
            continue;
        }
        if update.scope != Scope::Deletion {
            clear_columns(&mut update, item);
            parsed_reply.follow.extend(parts.iter().map(|part| OmneoRequest::part(*part, &key.id)));
        }
        parsed_reply.changes.push(Change::Record { key, update });
    }
    if parsed_reply.changes.is_empty() && parsed_reply.there.is_empty() && !items.is_empty() {
        return Err(Unreadable::Missing("id"));
    }
    Ok(parsed_reply)
}

/// The address that the profiles of a list must have.
fn searched(ask: &OmneoRequest) -> Option<&str> {
    match ask {
        OmneoRequest::Profiles {
            filter: ProfileFilter::Email(address) | ProfileFilter::Phone(address),
            ..
        } => Some(address),
        _ => None,
    }
}

/// Whether the parts of the profiles are requested too. Complete lists of profiles would need too many calls.
const fn wants_parts(ask: &OmneoRequest) -> bool {
    !matches!(
        ask,
        OmneoRequest::Profile { .. }
            | OmneoRequest::Profiles {
                filter: ProfileFilter::All | ProfileFilter::ChangedSince(_),
                ..
            }
    )
}

/// A complete profile clears the columns that it does not contain.
fn clear_columns(update: &mut Update, item: &Value) {
    if item.get("created_at").is_some() {
        for column in COLUMNS {
            update.fields.entry(column.to_owned()).or_default();
        }
    }
}

/// A list of events: those of one profile, or those of all.
fn events_of(
    by: &ProfileParser<'_>,
    owner: Option<&str>,
    events: OmneoEvents,
    items: &[Value],
) -> Result<OmneoReply, Unreadable> {
    let mut parsed_reply = OmneoReply::default();
    for item in items {
        let Ok(changes) = EventSpec::listed(events).changes(by, item, owner) else { continue };
        let event = changes.iter().filter(|change| matches!(change, Change::Event { .. }));
        parsed_reply.there.extend(event.flat_map(Change::keys));
        parsed_reply.changes.extend(changes);
    }
    if parsed_reply.there.is_empty() && !items.is_empty() {
        return Err(Unreadable::Missing("id"));
    }
    Ok(parsed_reply)
}

/// A part of a profile that is no list of events: one item or a list.
fn part_of(
    by: &ProfileParser<'_>,
    profile: &str,
    part: OmneoPart,
    body: &Value,
) -> Result<OmneoReply, Unreadable> {
    let whole = body.get("data").unwrap_or(body);
    let items = whole.as_array().map_or(std::slice::from_ref(whole), Vec::as_slice);
    let mut changes = Vec::new();
    for item in items.iter().filter(|item| item.is_object()) {
        match part {
            OmneoPart::Identities => changes.extend(identity(by, profile, item)?),
            OmneoPart::Tiers => changes.extend(achieved_tier(by, profile, item)?),
            _ => changes.push(by.part(item, profile)?),
        }
    }
    changes.retain(
        |change| !matches!(change, Change::Record { update, .. } if update.fields.is_empty()),
    );
    Ok(OmneoReply { changes, ..OmneoReply::default() })
}

/// An identity, and the profile from which a merge brought it.
fn identity(
    by: &ProfileParser<'_>,
    profile: &str,
    item: &Value,
) -> Result<Vec<Change>, Unreadable> {
    let at = time_at(item, "/updated_at").unwrap_or(by.received_at).min(by.received_at);
    let merge = id_at(item, "/merged_from")
        .and_then(|loser| profile::merge(&loser, profile, at).ok().flatten());
    Ok(by.identity(item, profile)?.into_iter().chain(merge).collect())
}

fn achieved_tier(
    by: &ProfileParser<'_>,
    profile: &str,
    item: &Value,
) -> Result<Option<Change>, Unreadable> {
    let Some(achieved_at) = time_at(item, "/achieved_at") else { return Ok(None) };
    let handle = text_at(item, "/handle");
    let name = FieldExtractor::new(item).pick(&[("/handle", "data.name"), ("/name", "data.name")]);
    tier(by, profile, handle.as_deref(), achieved_at, name)
}
