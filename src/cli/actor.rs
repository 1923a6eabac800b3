//! The arguments that name the person and the reason for the audit log.

use clap::Args;

use crate::admin::audit::{Attribution, Via};
use crate::customer::model::text;
use crate::settings::user_name;

#[derive(Debug, Clone, Args)]
pub(super) struct ActorArguments {
    /// Your name, for the audit log. Default: the login name
    #[arg(long, value_name = "NAME", value_parser = person_name)]
    by: Option<String>,
    /// The reason, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// The person who runs a command, and the reason.
pub(super) struct Actor {
    by: String,
    reason: String,
}

impl ActorArguments {
    /// The person and the reason. Without `--by`, the login name.
    pub(super) fn actor(&self) -> Actor {
        Actor { reason: self.reason.clone(), ..Actor::of(self.by.clone()) }
    }
}

/// The name of a person whose name is not known.
const UNKNOWN: &str = "unknown";

impl Actor {
    /// A person without a reason.
    pub(super) fn of(by: Option<String>) -> Self {
        let by = by.or_else(user_name).unwrap_or_else(|| UNKNOWN.to_owned());
        Self { by, reason: String::new() }
    }

    /// The name, if it is known.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.by.as_str()).filter(|by| *by != UNKNOWN)
    }

    pub(super) fn attribution(&self) -> Attribution<'_> {
        Attribution { by: &self.by, reason: &self.reason, via: Via::Command }
    }
}

/// A name, as the audit log will have it.
fn person_name(text: &str) -> Result<String, &'static str> {
    let name = text::clean(text);
    if name.is_empty() { Err("write a name") } else { Ok(name) }
}
