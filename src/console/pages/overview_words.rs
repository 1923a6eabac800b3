//! The words of the overview: what needs a person, and the next step of a new brand.

use serde::Serialize;

use super::keys::short_id;

use crate::admin::attention::{Need, NeedRow};
use crate::admin::first_steps::Step;
use crate::admin::role::Role;
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::counted::counted;
use crate::customer::model::source::Source;
use crate::sources::webhook_setup;
use crate::storage::bounded_counts::BoundedCount;
use crate::sync::RunState;

/// Something that needs a person.
#[derive(Serialize)]
pub(super) struct ShownNeed {
    title: String,
    what_to_do: String,
    /// Where to do it. `None` if the person may not.
    path: Option<String>,
    at: Option<ShownTime>,
    tone: &'static str,
}

/// A step of a new brand.
#[derive(Serialize)]
pub(super) struct ShownStep {
    title: String,
    next: String,
    path: Option<String>,
    is_done: bool,
}

fn name(source: Source) -> &'static str {
    webhook_setup(source).name
}

/// A count in words: `12 webhooks`, `more than 1,000 webhooks`.
fn bounded(count: BoundedCount, singular: &str, plural: &str) -> String {
    if count.is_more {
        return format!("more than 1,000 {plural}");
    }
    counted(count.number, singular, plural)
}

/// A sentence that ends with a reason, if there is one.
fn because(sentence: String, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{sentence}: {reason}"),
        None => sentence,
    }
}

/// What needs a person, in words.
pub(super) fn shown_need(visit: &Visit, row: &NeedRow) -> ShownNeed {
    let (title, what_to_do, tone) = need_words(&row.need);
    let who = who_acts(&row.need);
    let what_to_do = match visit.may(who) {
        true => what_to_do.to_owned(),
        false => format!("For {}: {what_to_do}", with_article(who)),
    };
    let path = match &row.need {
        Need::DeadLetters(_) => Some("/inbox?state=dead".to_owned()),
        Need::Reviews(_) => Some("/reviews".to_owned()),
        Need::Keys(_) | Need::RejectedKey(_) => visit.may(Role::Admin).then(|| "/keys".to_owned()),
        Need::AllRejected(source, ..)
        | Need::Rejected(source, _)
        | Need::Silent(source)
        | Need::UnreadableSecret(source, _)
        | Need::ApiFails(source, ..)
        | Need::DeadFollowUps(source, _)
        | Need::Sync(source, ..) => Some(format!("/sources/{source}")),
    };
    ShownNeed {
        title,
        what_to_do,
        path: path.map(|path| visit.path(&path)),
        at: row.at.map(|at| visit.time(at)),
        tone,
    }
}

/// The role that can do what a need asks for. Those above it can do it too.
const fn who_acts(need: &Need) -> Role {
    match need {
        Need::DeadLetters(_) | Need::Reviews(_) | Need::Sync(..) | Need::DeadFollowUps(..) => {
            Role::Supervisor
        }
        Need::AllRejected(..)
        | Need::Rejected(..)
        | Need::Silent(_)
        | Need::UnreadableSecret(..)
        | Need::ApiFails(..)
        | Need::Keys(_)
        | Need::RejectedKey(_) => Role::Admin,
    }
}

const fn with_article(role: Role) -> &'static str {
    match role {
        Role::Admin => "an admin",
        Role::Supervisor => "a supervisor",
        Role::Viewer => "everybody",
    }
}

/// The title, what to do, and the tone.
fn need_words(need: &Need) -> (String, &'static str, &'static str) {
    match need {
        Need::DeadLetters(count) => (
            format!("{} could not be applied", bounded(*count, "webhook", "webhooks")),
            "Look at the reasons. An admin can mend the cause in the settings; then replay them. Or discard them.",
            "bad",
        ),
        Need::Reviews(count) => (
            bounded(*count, "open question about who is who", "open questions about who is who"),
            "Decide whether they are the same person.",
            "warn",
        ),
        Need::AllRejected(source, number, reason) => (
            because(
                format!("{}: the last {number} webhooks were all rejected", name(*source)),
                reason.as_deref(),
            ),
            "Compare the secret in the settings with the secret at the source.",
            "bad",
        ),
        Need::Rejected(source, reason) => (
            because(format!("{}: the last webhook was rejected", name(*source)), reason.as_deref()),
            "If it was not a stranger, compare the secret and the URL at the source.",
            "warn",
        ),
        Need::Silent(source) => (
            format!("{}: no webhook for much longer than usual", name(*source)),
            "Check that the source still sends to the right URL.",
            "warn",
        ),
        Need::UnreadableSecret(source, why) => (
            because(format!("{}: the secret of its API cannot be read", name(*source)), Some(why)),
            "Set the secret that the settings name, then run `hookpoint reload`.",
            "bad",
        ),
        Need::ApiFails(source, why, number) => (
            because(
                format!(
                    "{}: {} to its API failed in a row",
                    name(*source),
                    counted(number, "call", "calls")
                ),
                Some(why),
            ),
            "Check the credentials and their rights, and whether the source has an outage.",
            "bad",
        ),
        Need::DeadFollowUps(source, number) => (
            format!(
                "{}: {} after a webhook failed for good",
                name(*source),
                counted(number, "call", "calls")
            ),
            "The page of the source has the reason. The next full run brings what is missing.",
            "warn",
        ),
        Need::Sync(source, stream, state, why) => (
            because(format!("{}: {}", name(*source), sync_words(stream, *state)), Some(why)),
            "The page of the source has the details, and starts a new run.",
            if *state == RunState::Failed { "bad" } else { "warn" },
        ),
        Need::Keys(seen) => (
            format!("Keys for Omnidesk: {seen}"),
            "Make a new key, and paste its URL into Omnidesk.",
            "bad",
        ),
        Need::RejectedKey(id) => (
            format!(
                "A call with the key {}, which is revoked or expired, was rejected",
                short_id(*id)
            ),
            "If Omnidesk sent it, paste the URL of a valid key there, or make a new one. This warning ends a day after the last such call.",
            "warn",
        ),
    }
}

fn sync_words(stream: &str, state: RunState) -> String {
    match state {
        RunState::Failed => format!("reading \"{stream}\" failed"),
        RunState::Running => format!("reading \"{stream}\" waits"),
        RunState::Interrupted | RunState::Cancelled | RunState::Done => {
            format!("reading \"{stream}\" is interrupted")
        }
    }
}

/// A step of a new brand, in words.
pub(super) fn shown_step(visit: &Visit, (step, is_done): (Step, bool)) -> ShownStep {
    let (title, next) = match step {
        Step::Settings => ("The settings are read".to_owned(), ""),
        Step::Key => ("A key for Omnidesk".to_owned(), "An admin makes it on the page Keys."),
        Step::Omnidesk => (
            "Omnidesk asked for the first time".to_owned(),
            "Paste the URL with the key into Omnidesk (Settings, Brands, CRM sync url), and open a ticket.",
        ),
        Step::Source => (
            "A source is connected".to_owned(),
            "Run `hookpoint init`, or add a source to the settings of this brand.",
        ),
        Step::Webhook(source) => (
            format!("{}: the first webhook came", name(source)),
            "Copy the webhook URL from its page into the source. The page shows rejected webhooks, too.",
        ),
        Step::Api(source) => (
            format!("{}: its API answered", name(source)),
            "The service calls it by itself. If this stays open, its page says why.",
        ),
        Step::Backfill(source) => (
            format!("{}: everything was read once", name(source)),
            "The service does it by itself, and continues after a restart. Its page shows how far it is.",
        ),
    };
    let path = match step {
        Step::Key | Step::Omnidesk => visit.may(Role::Admin).then(|| visit.path("/keys")),
        Step::Webhook(source) | Step::Api(source) | Step::Backfill(source) => {
            Some(visit.path(&format!("/sources/{source}")))
        }
        Step::Settings | Step::Source => None,
    };
    ShownStep { title, next: next.to_owned(), path, is_done }
}
