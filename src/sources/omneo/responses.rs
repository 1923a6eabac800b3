//! Parses replies of Omneo's API: `{"data": ...}`, with `links` and `meta` for lists with pages.

use serde_json::Value;

use super::OmneoSettings;
use super::events::{EventSpec, tier};
use super::profile;
use super::profile::ProfileParser;
use super::requests::{
    PARTS, PROFILE, PROFILE_WITH_ID, PROFILES, PROFILES_SINCE, PROFILES_WITH_EMAIL,
    PROFILES_WITH_PHONE, WHOLE_PROFILE,
};
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, field};
use crate::sources::api::{ApiRequest, ParsedReply, Reply};
use crate::sources::extract::{FieldExtractor, id_at, text_at, time_at};
use crate::sources::listing::number;
use crate::sources::{Unreadable, address_match};

/// Fields of a profile that are empty if a complete reply does not contain them. Other fields may just not be
/// included.
const COLUMNS: [&str; 5] =
    [field::FIRST_NAME, field::LAST_NAME, "email.main", "phone.mobile", "phone.secondary"];

impl OmneoSettings {
    pub(super) fn parsed_reply(
        &self,
        ask: &ApiRequest,
        reply: &Reply,
    ) -> Result<ParsedReply, Unreadable> {
        let by = ProfileParser { settings: self, received_at: reply.received_at };
        if reply.is_missing {
            return missing(ask, reply);
        }
        let in_utc = self.in_utc(&reply.body).map(|body| Reply { body, ..reply.clone() });
        let reply = in_utc.as_ref().unwrap_or(reply);
        match ask.what.as_str() {
            PROFILE | WHOLE_PROFILE | PROFILE_WITH_ID => {
                let body = reply.body.get("data").unwrap_or(&reply.body);
                profiles(&by, ask, std::slice::from_ref(body))
            }
            what if what.starts_with(PROFILES) => Ok(ParsedReply {
                total: total(&reply.body),
                next: self.next(ask, reply),
                ..profiles(&by, ask, list(&reply.body)?)?
            }),
            what => match EventSpec::named(what.trim_end_matches('s')) {
                Some(sort) => Ok(ParsedReply {
                    total: total(&reply.body),
                    next: self.next(ask, reply),
                    ..events(&by, ask, sort, list(&reply.body)?)?
                }),
                None => {
                    Ok(ParsedReply { next: self.next(ask, reply), ..part(&by, ask, &reply.body)? })
                }
            },
        }
    }

    /// The next page: `links.next` is a URL, which is followed only to an allowed origin; else the next number,
    /// while there are pages.
    fn next(&self, ask: &ApiRequest, reply: &Reply) -> Option<ApiRequest> {
        let body = &reply.body;
        if list(body).ok()?.is_empty() {
            return None;
        }
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        let link = ["/links/next", "/next_page_url", "/meta/next_page_url"]
            .into_iter()
            .find_map(|pointer| body.pointer(pointer));
        let url = link.and_then(Value::as_str).filter(|url| !url.is_empty() && **url != ask.page);
        let count = |name: &str| {
            body.get("meta")
                .and_then(|meta| meta.get(name))
                .or_else(|| body.get(name))
                .and_then(number)
        };
        let numbered = || {
            Some(count("current_page")?.saturating_add(1))
                .filter(|next| count("last_page").is_some_and(|last| *next <= last))
        };
        match (link, url) {
            (_, Some(url))
                if origin(url).is_some() && origin(url) == origin(&self.api.base_url) =>
            {
                Some(ask.on_page(url))
            }
            // The API may not know its public name, so the page number is preferred. Without a number, the
            // caller reports a wrong origin.
            (_, Some(url)) => Some(
                numbered()
                    .map_or_else(|| ask.on_page(url), |number| ask.on_page(number.to_string())),
            ),
            (Some(_), None) => None,
            (None, None) => numbered().map(|number| ask.on_page(number.to_string())),
        }
    }
}

fn missing(ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
    match ask.what.as_str() {
        PROFILE | WHOLE_PROFILE => {
            let gone = Change::Record {
                key: profile::key(&ask.about)?,
                update: profile::deletion(&Value::Null, reply.received_at),
            };
            Ok(ParsedReply { changes: vec![gone], ..ParsedReply::default() })
        }
        // A missing list does not mean that the list is empty.
        PROFILES | PROFILES_SINCE => Err(Unreadable::Missing("list")),
        _ if ask.about.is_empty() => Err(Unreadable::Missing("list")),
        _ => Ok(ParsedReply::default()),
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
    ask: &ApiRequest,
    items: &[Value],
) -> Result<ParsedReply, Unreadable> {
    let is_search = matches!(ask.what.as_str(), PROFILES_WITH_EMAIL | PROFILES_WITH_PHONE);
    let wants_parts = !matches!(ask.what.as_str(), PROFILES | PROFILES_SINCE | PROFILE);
    let address = if is_search { address_match::address(&ask.about) } else { None };
    let mut parsed_reply = ParsedReply::default();
    for item in items {
        // An item without an id does not stop the others.
        let Some(id) = id_at(item, "/id") else { continue };
        let Ok(Change::Record { key, mut update }) = by.profile(item, &id) else { continue };
        // The total of a list includes profiles that it reports as deleted.
        if update.scope != Scope::Deletion || ask.what.starts_with(PROFILES) {
            parsed_reply.there.push(key.to_string());
        }
        if is_search
            && !address.as_ref().is_some_and(|address| address_match::has(&update, address))
        {
            continue;
        }
        if update.scope != Scope::Deletion {
            clear_columns(&mut update, item);
            let parts = PARTS.iter().filter(|_| wants_parts);
            parsed_reply.follow.extend(parts.map(|(what, _)| ApiRequest::about(what, &key.id)));
        }
        parsed_reply.changes.push(Change::Record { key, update });
    }
    if parsed_reply.changes.is_empty() && parsed_reply.there.is_empty() && !items.is_empty() {
        return Err(Unreadable::Missing("id"));
    }
    Ok(parsed_reply)
}

/// A complete profile clears the columns that it does not contain.
fn clear_columns(update: &mut Update, item: &Value) {
    if item.get("created_at").is_some() {
        for column in COLUMNS {
            update.fields.entry(column.to_owned()).or_default();
        }
    }
}

fn events(
    by: &ProfileParser<'_>,
    ask: &ApiRequest,
    sort: &EventSpec,
    items: &[Value],
) -> Result<ParsedReply, Unreadable> {
    let owner = Some(ask.about.as_str()).filter(|id| !id.is_empty());
    let mut parsed_reply = ParsedReply::default();
    for item in items {
        let Ok(changes) = sort.changes(by, item, owner) else { continue };
        let event = changes.iter().filter(|change| matches!(change, Change::Event { .. }));
        parsed_reply.there.extend(event.flat_map(Change::keys));
        parsed_reply.changes.extend(changes);
    }
    if parsed_reply.there.is_empty() && !items.is_empty() {
        return Err(Unreadable::Missing("id"));
    }
    Ok(parsed_reply)
}

/// A part of a profile: one item or a list.
fn part(by: &ProfileParser<'_>, ask: &ApiRequest, body: &Value) -> Result<ParsedReply, Unreadable> {
    let whole = body.get("data").unwrap_or(body);
    let items = whole.as_array().map_or(std::slice::from_ref(whole), Vec::as_slice);
    let mut changes = Vec::new();
    for item in items.iter().filter(|item| item.is_object()) {
        let id = &ask.about;
        match ask.what.as_str() {
            "identities" => {
                changes.extend(by.identity(item, id)?);
                let at = time_at(item, "/updated_at").unwrap_or(by.received_at).min(by.received_at);
                if let Some(loser) = id_at(item, "/merged_from") {
                    changes.extend(profile::merge(&loser, id, at).ok().flatten());
                }
            }
            "tiers" => {
                let handle = text_at(item, "/handle");
                let name = FieldExtractor::new(item)
                    .pick(&[("/handle", "data.name"), ("/name", "data.name")]);
                if let Some(achieved_at) = time_at(item, "/achieved_at") {
                    changes.extend(tier(by, id, handle.as_deref(), achieved_at, name)?);
                }
            }
            _ => changes.push(by.part(item, id)?),
        }
    }
    changes.retain(
        |change| !matches!(change, Change::Record { update, .. } if update.fields.is_empty()),
    );
    Ok(ParsedReply { changes, ..ParsedReply::default() })
}
