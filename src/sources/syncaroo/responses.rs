//! Parses replies of Syncaroo's API about bookings and places.

use std::collections::BTreeMap;

use super::booking::booking_key;
use super::place::{PlaceKind, PlaceRef};
use super::requests::SyncarooRequest;
use super::settings::SyncarooSettings;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::Change;
use crate::sources::api::http::Reply;
use crate::sources::api::place::Place;
use crate::sources::api::reply::{MissingName, ParsedReply};
use crate::sources::listing::Listing;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at};

/// A parsed reply of Syncaroo.
type SyncarooReply = ParsedReply<SyncarooRequest>;

impl SyncarooSettings {
    pub(super) fn parsed_reply(
        &self,
        ask: &SyncarooRequest,
        reply: &Reply,
    ) -> Result<SyncarooReply, Unreadable> {
        match ask {
            SyncarooRequest::Booking { id, url } => {
                self.parsed_booking(booking_key(id)?, url, reply)
            }
            SyncarooRequest::Place { kind, url } => self.parsed_place(*kind, url, reply),
            SyncarooRequest::Locations { page_url } => {
                self.parsed_list(PlaceKind::Location, page_url.as_deref(), reply, |page_url| {
                    SyncarooRequest::Locations { page_url }
                })
            }
            // A location without rooms may have no list of rooms.
            SyncarooRequest::Resources { .. } if reply.is_missing => Ok(SyncarooReply::default()),
            SyncarooRequest::Resources { location, page_url } => {
                self.parsed_list(PlaceKind::Resource, page_url.as_deref(), reply, |page_url| {
                    SyncarooRequest::Resources { location: location.clone(), page_url }
                })
            }
        }
    }

    /// A booking keeps the id of the request, which is the webhook's id.
    fn parsed_booking(
        &self,
        key: EventKey,
        url: &str,
        reply: &Reply,
    ) -> Result<SyncarooReply, Unreadable> {
        if reply.is_missing {
            let (at, received_at) = (reply.received_at, reply.received_at);
            let update =
                Update { at, received_at, scope: Scope::Deletion, fields: BTreeMap::new() };
            let changes = vec![Change::Event { key, update }];
            return Ok(SyncarooReply { changes, ..SyncarooReply::default() });
        }
        if !reply.body.is_object() {
            return Err(Unreadable::Missing("booking"));
        }
        let there = vec![key.to_string()];
        let mut changes = self.booking(&reply.body, key.clone(), reply.received_at);
        let missing_names = match changes.last_mut() {
            Some(Change::Event { update, .. }) => set_places(update, &key, url),
            _ => Vec::new(),
        };
        Ok(SyncarooReply { there, changes, missing_names, ..SyncarooReply::default() })
    }

    fn parsed_place(
        &self,
        kind: PlaceKind,
        url: &str,
        reply: &Reply,
    ) -> Result<SyncarooReply, Unreadable> {
        let place = kind.in_url(url).ok_or(Unreadable::Missing("place"))?;
        let name =
            if reply.is_missing { None } else { text_at(&reply.body, &self.pointers.place_name) };
        let places = name.map(|name| Place { id: place.id, name }).into_iter().collect();
        Ok(SyncarooReply { places, ..SyncarooReply::default() })
    }

    fn parsed_list(
        &self,
        kind: PlaceKind,
        page_url: Option<&str>,
        reply: &Reply,
        on_page: impl Fn(Option<String>) -> SyncarooRequest,
    ) -> Result<SyncarooReply, Unreadable> {
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body
            .and_then(|body| Listing::find(body, kind.list()))
            .ok_or(Unreadable::Missing("list"))?;
        let mut parsed = SyncarooReply::default();
        for item in listing.items {
            let Some(id) = id_at(item, &self.pointers.place) else { continue };
            parsed.places.extend(
                text_at(item, &self.pointers.place_name).and_then(|name| kind.place(&id, name)),
            );
            if kind == PlaceKind::Location {
                parsed.follow.push(SyncarooRequest::Resources { location: id, page_url: None });
            }
        }
        parsed.next = listing
            .next_url()
            .filter(|url| !listing.items.is_empty() && Some(*url) != page_url)
            .map(|url| on_page(Some(url.to_owned())));
        Ok(parsed)
    }
}

/// Adds the places in a booking's URL. Returns the fields that need the name of a place.
fn set_places(
    update: &mut Update,
    event: &EventKey,
    url: &str,
) -> Vec<MissingName<SyncarooRequest>> {
    let mut missing_names = Vec::new();
    for place in PlaceRef::all_in(url) {
        place.set(&mut update.fields);
        let kind = place.kind;
        // The name of a room in a booking may be an old one, so it is not stored as the name of the room.
        if update.fields.get(kind.shown_as()).is_none_or(Option::is_none) {
            missing_names.push(MissingName {
                event: event.clone(),
                field: kind.shown_as(),
                place: place.id,
                ask: SyncarooRequest::Place { kind, url: place.url },
            });
        }
    }
    missing_names
}
