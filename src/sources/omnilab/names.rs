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
    event_types: &[
        "omnilab.booking",
        "omnilab.touchpoint.page_visit",
        "omnilab.touchpoint.participated",
        "omnilab.touchpoint.participation_form_filled",
        "omnilab.touchpoint.started",
        "omnilab.touchpoint.completed",
        "omnilab.touchpoint.terms_accepted",
        "omnilab.cta.clicked",
        "omnilab.question.answered",
        "omnilab.feedback.submitted",
        "omnilab.reward.eligible",
        "omnilab.reward.won",
        "omnilab.reward.lost",
        "omnilab.reward.redeemed",
        "omnilab.smartlink.redirected",
    ],
    references: &[],
};
