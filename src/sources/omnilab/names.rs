//! The names under which templates see OmniLab's values.

use crate::sources::template_names::TemplateNames;

pub(super) const NAMES: TemplateNames = TemplateNames {
    attributes: &[],
    own_attributes: None,
    event_values: &[
        "interaction",
        "name",
        "reward",
        "rating",
        "comment",
        "question",
        "answer",
        "activity",
        "status",
        "duration_minutes",
        "starts_at",
        "ticket_type",
        "host",
        "timezone",
    ],
};
