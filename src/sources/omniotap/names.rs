//! The names under which templates see OmnioTap's values.

use crate::sources::template_names::TemplateNames;

pub(super) const NAMES: TemplateNames = TemplateNames {
    attributes: &["status", "company", "job_title", "segment", "customer_number", "customer_since"],
    own_attributes: None,
    event_values: &[
        "title",
        "lead_source",
        "status",
        "priority",
        "stage",
        "subject",
        "amount",
        "currency",
        "number",
        "created_at",
    ],
    event_types: &["omniotap.ticket", "omniotap.lead", "omniotap.opportunity"],
    references: &[
        "omniotap.ticket.number",
        "omniotap.lead.number",
        "omniotap.opportunity.number",
        "omniotap.customer_number",
    ],
};
