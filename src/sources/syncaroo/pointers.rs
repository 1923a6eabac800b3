//! Where Syncaroo's replies have their values.

use serde::{Deserialize, Serialize};

/// JSON pointers (RFC 6901) into a reply about a booking or a place; empty for "not sent".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is named like the value it points to")]
pub struct SyncarooPointers {
    pub updated_at: String,
    pub status: String,
    pub starts_at: String,
    pub ends_at: String,
    pub resource: String,
    pub location: String,
    pub member: String,
    pub email: String,
    pub phone: String,
    pub first_name: String,
    pub last_name: String,
    pub full_name: String,
    pub place: String,
    pub place_name: String,
}

impl Default for SyncarooPointers {
    fn default() -> Self {
        Self {
            updated_at: "/updatedAt".to_owned(),
            status: "/status".to_owned(),
            starts_at: "/start".to_owned(),
            ends_at: "/end".to_owned(),
            resource: "/resource/name".to_owned(),
            location: "/location/name".to_owned(),
            member: "/member/id".to_owned(),
            email: "/member/email".to_owned(),
            phone: "/member/phone".to_owned(),
            first_name: "/member/firstName".to_owned(),
            last_name: "/member/lastName".to_owned(),
            full_name: "/member/name".to_owned(),
            place: "/id".to_owned(),
            place_name: "/name".to_owned(),
        }
    }
}
