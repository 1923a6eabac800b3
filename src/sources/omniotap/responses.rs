//! Parses replies of OmnioTap's API. Search results are checked again here, because the searched fields are not
//! documented.

use serde_json::Value;

use super::entity::Stamp;
use super::requests::OmnioTapRequest;
use super::settings::OmnioTapSettings;
use crate::customer::model::field_versions::Scope;
use crate::customer::model::record::Change;
use crate::sources::address_match;
use crate::sources::api::http::Reply;
use crate::sources::api::reply::ParsedReply;
use crate::sources::extract::Fields;
use crate::sources::listing::Listing;
use crate::sources::said_at::said_at;
use crate::sources::unreadable::Unreadable;

impl OmnioTapSettings {
    pub(super) fn parsed_reply(
        &self,
        ask: &OmnioTapRequest,
        reply: &Reply,
    ) -> Result<ParsedReply<OmnioTapRequest>, Unreadable> {
        // A missing list does not mean that the list is empty.
        let body = if reply.is_missing { None } else { Some(&reply.body) };
        let listing = body
            .and_then(|body| Listing::find(body, ask.entity().list()))
            .ok_or(Unreadable::Missing("list"))?;
        let mut parsed = ParsedReply {
            total: listing.total(ask.page(), self.api.page_size),
            ..ParsedReply::default()
        };
        // An item without an id does not stop the others.
        for change in listing.items.iter().filter_map(|item| change(ask, item, reply)) {
            parsed.there.extend(change.keys());
            if is_wanted(ask, &change) {
                parsed.changes.push(change);
            }
        }
        if parsed.there.is_empty() && !listing.items.is_empty() {
            return Err(Unreadable::Missing("id"));
        }
        parsed.next = listing.has_more(ask.page(), self.api.page_size).then(|| ask.next());
        Ok(parsed)
    }
}

/// The change of an item; `None` if it has no usable id.
fn change(ask: &OmnioTapRequest, item: &Value, reply: &Reply) -> Option<Change> {
    let mut unread = Fields::new();
    let said_at = said_at(item, &["/updatedAt", "/createdAt"], &mut unread);
    let stamp =
        Stamp { at: said_at.stamp(reply.received_at), received_at: reply.received_at, unread };
    ask.entity().change(item, stamp, said_at.known(), Scope::Whole).ok()
}

/// A search by address finds only people with that address.
fn is_wanted(ask: &OmnioTapRequest, change: &Change) -> bool {
    let OmnioTapRequest::SearchAddress { address, .. } = ask else { return true };
    let Some(address) = address_match::address(address) else { return false };
    matches!(change, Change::Record { update, .. } if address_match::has(update, &address))
}
