//! The names under which templates see Syncaroo's values.

use crate::sources::template_names::TemplateNames;

pub(super) const NAMES: TemplateNames = TemplateNames {
    attributes: &[],
    own_attributes: None,
    event_values: &[
        "starts_at",
        "ends_at",
        "status",
        "resource",
        "location",
        "resource_type",
        "resource_id",
        "location_id",
        "api_url",
    ],
    event_types: &["syncaroo.booking"],
    references: &[],
};
