//! What surrounds every page: the brand, the navigation, the person.

use serde::Serialize;

use super::urls::ConsoleUrls;
use super::visit::Visit;
use crate::admin::role::Role;

/// What surrounds a page.
#[derive(Serialize)]
pub(super) struct Frame {
    /// What comes before all paths of the console.
    base: String,
    /// What comes before the names of all files that pages load.
    assets: String,
    title: String,
    /// `None` on pages without a person, such as that for logging in.
    person: Option<FramePerson>,
    /// What an act did, in words. Empty if the page does not follow an act.
    notice: &'static str,
    /// What is wrong in the form that was sent. Empty if nothing is.
    mistake: String,
    /// The reason in that form, for its field.
    reason: String,
}

/// The person, and where they can go.
#[derive(Serialize)]
struct FramePerson {
    name: String,
    role: &'static str,
    brand: String,
    other_brands: Vec<String>,
    time_zone: String,
    navigation: Vec<NavigationGroup>,
    can_decide: bool,
    is_admin: bool,
    /// Whether the page has masks in place of values about people.
    sees_masks: bool,
}

#[derive(Serialize)]
struct NavigationGroup {
    name: &'static str,
    items: Vec<NavigationItem>,
}

#[derive(Serialize)]
struct NavigationItem {
    label: &'static str,
    path: String,
    is_current: bool,
}

/// The navigation: groups, and for each item its path, its label and the role that sees it.
const NAVIGATION: &[(&str, &[(&str, &str, Role)])] = &[
    (
        "Customers",
        &[
            ("/", "Overview", Role::Viewer),
            ("/customers", "Customers", Role::Viewer),
            ("/reviews", "Reviews", Role::Viewer),
            ("/decisions", "Decisions", Role::Viewer),
            ("/lookups", "Lookups", Role::Viewer),
        ],
    ),
    ("Sources", &[("/sources", "Sources", Role::Viewer), ("/inbox", "Inbox", Role::Viewer)]),
    (
        "Brand",
        &[
            ("/keys", "Keys", Role::Admin),
            ("/settings", "Settings", Role::Admin),
            ("/people", "People", Role::Admin),
            ("/audit", "Audit log", Role::Viewer),
            ("/documents/readme", "Documents", Role::Viewer),
        ],
    ),
];

/// The items whose pages have values about people.
const WITH_VALUES: [&str; 6] =
    ["/customers", "/reviews", "/decisions", "/lookups", "/inbox", "/audit"];

/// What acts did, by the name in the query of the page that follows.
const NOTICES: &[(&str, &str)] = &[
    ("logged-in", "Welcome."),
    ("logged-out", "You are logged out."),
    (
        "logged-out-here",
        "You are logged out of this console. Your login provider still knows you: log out there, too, if others use this device.",
    ),
    ("revoked", "The key is revoked. The service refuses it within a second."),
    ("ended", "The session is ended."),
    ("role-set", "The role is changed, also for the sessions of this person."),
    ("account-removed", "The account is removed. All its sessions are ended."),
    ("password-changed", "Your password is changed. Your other sessions are ended."),
    (
        "links-revoked",
        "All links to the agent page are revoked. Tickets that are opened from now on get new ones.",
    ),
    (
        "replayed",
        "Replayed: the service applies the webhooks again, which takes moments. Those that fail again come back to the failed ones.",
    ),
    (
        "replayed-this",
        "Replayed: the service applies the webhook again, which takes moments. Its state says how that ended.",
    ),
    (
        "replayed-some",
        "Replayed, but not all: some had changed since you saw them, and were left alone.",
    ),
    ("discarded", "Discarded: the service does not apply the webhooks."),
    (
        "discarded-some",
        "Discarded, but not all: some had changed since you saw them, or were applied already.",
    ),
    ("job-begun", "Begun: the webhooks are changed part by part. You can leave this page."),
    ("job-done", "Done: the page has the numbers."),
    ("job-cancelled", "Cancelled. What was changed before stays so."),
    (
        "sync-requested",
        "The run is requested. The service begins it within seconds, or after its other runs of this source.",
    ),
    ("sync-stopped", "The run ends in a moment. What it read so far stays."),
    (
        "decided",
        "Decided. If a customer changed, lookups show it at once. The history below lists the decision: you can undo it there.",
    ),
    ("answered", "Your answer is stored. If a customer changed, lookups show it at once."),
    ("put-away", "The question is put away for a week."),
    (
        "closed",
        "This question is not open any more: somebody answered it, or its customers changed.",
    ),
    ("undone", "The decision is undone. If a customer changed, lookups show it at once."),
    ("nothing", "Nothing changed: it was done already, by you or by somebody else."),
];

impl Frame {
    /// The frame of a page for nobody.
    pub(super) fn without_person(urls: &ConsoleUrls, version: &str, title: &str) -> Self {
        Self {
            base: urls.base().to_owned(),
            assets: format!("{}/assets/{version}", urls.base()),
            title: title.to_owned(),
            person: None,
            notice: "",
            mistake: String::new(),
            reason: String::new(),
        }
    }

    /// With what an act did: one of the names above.
    pub(super) fn with_notice(self, name: &str) -> Self {
        let notice = NOTICES.iter().find(|(own, _)| *own == name);
        Self { notice: notice.map(|(_, text)| *text).unwrap_or_default(), ..self }
    }

    /// With what is wrong in a form.
    pub(super) fn with_mistake(self, mistake: &str) -> Self {
        Self { mistake: mistake.to_owned(), ..self }
    }

    /// The frame of a page. `section` is the path of the item of the navigation that the page belongs to.
    pub(super) fn new(visit: &Visit, section: &str, title: &str) -> Self {
        let console = &visit.console;
        Self {
            person: Some(FramePerson::new(visit, section)),
            mistake: visit.mistake.clone(),
            reason: visit.sent_again("reason"),
            ..Self::without_person(&console.urls, &console.assets_version, title)
        }
        .with_notice(visit.query.value("done"))
    }
}

impl FramePerson {
    fn new(visit: &Visit, section: &str) -> Self {
        let slug = &visit.brand.rules.slug;
        let group =
            |(name, items): &(&'static str, &'static [(&'static str, &'static str, Role)])| {
                let items = items.iter().filter(|(.., role)| visit.may(*role));
                let items = items.map(|(path, label, _)| NavigationItem {
                    label,
                    path: visit.path(path),
                    is_current: *path == section,
                });
                NavigationGroup { name, items: items.collect() }
            };
        let groups = NAVIGATION.iter().map(group).filter(|group| !group.items.is_empty());
        Self {
            name: visit.member.person.clone(),
            role: visit.member.role.as_str(),
            brand: slug.clone(),
            other_brands: visit
                .other_brands
                .iter()
                .filter(|other| *other != slug)
                .cloned()
                .collect(),
            time_zone: visit.time_zone().iana_name().unwrap_or("UTC").to_owned(),
            navigation: groups.collect(),
            can_decide: visit.may(Role::Supervisor),
            is_admin: visit.may(Role::Admin),
            sees_masks: !visit.sees_values() && WITH_VALUES.contains(&section),
        }
    }
}
