//! Parses replies of Syncaroo's API about bookings and places.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SyncarooSettings;
use super::place::{PlaceKind, SHOWN};
use super::requests::{BOOKING, resources_of};
use super::webhooks::booking_key;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::Change;
use crate::sources::Unreadable;
use crate::sources::api::{ApiRequest, MissingName, ParsedReply, Place, Reply};
use crate::sources::extract::{id_at, text_at};
use crate::sources::listing::Listing;

impl SyncarooSettings {
    pub(super) fn parsed_reply(
        &self,
        ask: &ApiRequest,
        reply: &Reply,
    ) -> Result<ParsedReply, Unreadable> {
        if ask.what == BOOKING {
            return self.parsed_booking(ask, reply);
        }
        if let Some(sort) = SHOWN.iter().find(|sort| sort.one == ask.what) {
            let spot = sort.in_url(&ask.about).ok_or(Unreadable::Missing("place"))?;
            let name = if reply.is_missing {
                None
            } else {
                text_at(&reply.body, &self.pointers.place_name)
            };
            return Ok(ParsedReply {
                places: name.map(|name| Place { id: spot.id, name }).into_iter().collect(),
                ..ParsedReply::default()
            });
        }
        let sort = SHOWN
            .iter()
            .find(|sort| sort.all == ask.what)
            .ok_or(Unreadable::Missing("known request"))?;
        self.parsed_places(sort, ask, reply)
    }

    /// A booking keeps the id of the request, which is the webhook's id.
    fn parsed_booking(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        let (id, url) = ask.about.split_once('\n').ok_or(Unreadable::Missing("booking id"))?;
        let key = booking_key(id)?;
        if reply.is_missing {
            let (at, received_at) = (reply.received_at, reply.received_at);
            let update =
                Update { at, received_at, scope: Scope::Deletion, fields: BTreeMap::new() };
            return Ok(ParsedReply {
                changes: vec![Change::Event { key, update }],
                ..ParsedReply::default()
            });
        }
        if !reply.body.is_object() {
            return Err(Unreadable::Missing("booking"));
        }
        let mut parsed_reply =
            ParsedReply { there: vec![key.to_string()], ..ParsedReply::default() };
        parsed_reply.changes = self.booking(&reply.body, key.clone(), reply.received_at);
        let Some(Change::Event { update, .. }) = parsed_reply.changes.last_mut() else {
            return Ok(parsed_reply);
        };
        for sort in &SHOWN {
            let Some(spot) = sort.in_url(url) else { continue };
            update.fields.insert(spot.field(), Some(Value::from(spot.id.clone())));
            // The name of a room in a booking may be an old one, so it is not stored as the name of the room.
            if update.fields.get(sort.shown_as).is_none_or(Option::is_none) {
                parsed_reply.unnamed.push(MissingName {
                    event: key.clone(),
                    field: sort.shown_as,
                    place: spot.id,
                    ask: spot.ask,
                });
            }
        }
        Ok(parsed_reply)
    }

    fn parsed_places(
        &self,
        sort: &PlaceKind,
        ask: &ApiRequest,
        reply: &Reply,
    ) -> Result<ParsedReply, Unreadable> {
        // A location without rooms may have no list of rooms.
        if reply.is_missing && !ask.about.is_empty() {
            return Ok(ParsedReply::default());
        }
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body
            .and_then(|body| Listing::find(body, sort.all))
            .ok_or(Unreadable::Missing("list"))?;
        let mut parsed_reply = ParsedReply::default();
        for item in listing.items {
            let Some(id) = id_at(item, &self.pointers.place) else { continue };
            parsed_reply.places.extend(
                text_at(item, &self.pointers.place_name).and_then(|name| sort.place(&id, name)),
            );
            parsed_reply.follow.extend((sort.one == "location").then(|| resources_of(&id)));
        }
        let next = listing.next_url().filter(|url| !listing.items.is_empty() && *url != ask.page);
        parsed_reply.next = next.map(|url| ask.on_page(url));
        Ok(parsed_reply)
    }
}
