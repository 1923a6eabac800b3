//! Checks the settings of agent pages.

use super::file::SettingsFile;
use crate::agent_page::settings::{AgentPageMode, AgentPageSettings};
use crate::customer::answer::agent_page::AgentPageUse;
use crate::sources::SettingProblem;

const MODE: &str = "agent_page.mode";
const DAYS: &str = "agent_page.link_days";

/// The mistakes in the settings of a brand's agent page.
pub(super) fn check_agent_page(settings: &AgentPageSettings) -> Option<SettingProblem> {
    let is_right = (1..=366).contains(&settings.link_days);
    (!is_right).then(|| SettingProblem::new(DAYS, "must be between 1 and 366"))
}

/// Where answers have the link.
pub(super) const fn usage(settings: &AgentPageSettings) -> AgentPageUse {
    match (settings.mode, settings.event_links) {
        (AgentPageMode::Off, _) => AgentPageUse::Off,
        (_, false) => AgentPageUse::Fields,
        (_, true) => AgentPageUse::FieldsAndEvents,
    }
}

/// What the settings of the service say against the agent page of a brand: mistakes and warnings.
pub(super) fn check_with_service(
    file: &SettingsFile,
    settings: &AgentPageSettings,
) -> (Option<SettingProblem>, Option<SettingProblem>) {
    let problem = |what: &str| Some(SettingProblem::new(MODE, what));
    match settings.mode {
        AgentPageMode::Off => (None, None),
        AgentPageMode::Login if file.console.listen.is_empty() => {
            (problem("\"login\" links to the console, which is off: console.listen is empty"), None)
        }
        AgentPageMode::Login if file.console.public_url.is_empty() => (
            None,
            problem("the links only work on this machine, because console.public_url is empty"),
        ),
        AgentPageMode::Login => (None, None),
        AgentPageMode::Link => (link_days(file, settings), link_base(file)),
    }
}

/// A cached answer must not contain a link whose time is over.
fn link_days(file: &SettingsFile, settings: &AgentPageSettings) -> Option<SettingProblem> {
    const DAY: u64 = 24 * 3_600;
    let cached = file.lookup.cache_seconds.saturating_add(file.lookup.stale_if_error_seconds);
    let is_right = u64::from(settings.link_days).saturating_mul(DAY) > cached;
    (!is_right).then(|| {
        let what = "must be longer than an answer is cached: lookup.cache_seconds and lookup.stale_if_error_seconds together";
        SettingProblem::new(DAYS, what)
    })
}

fn link_base(file: &SettingsFile) -> Option<SettingProblem> {
    let what = "the links only work on this machine, because server.public_url is empty";
    file.server.public_url.is_empty().then(|| SettingProblem::new(MODE, what))
}
