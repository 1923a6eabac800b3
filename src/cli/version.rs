//! `hookpoint version`

use clap::Args;
use serde::Serialize;

use super::output::print_line;
use crate::customer::DERIVATION_VERSION;
use crate::storage::schema_version;

#[derive(Debug, Args)]
pub(super) struct VersionArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What this program is, to compare replicas and to report a fault.
#[derive(Debug, Serialize)]
struct Version {
    version: &'static str,
    /// The commit, if `HOOKPOINT_COMMIT` was set during the build.
    commit: Option<&'static str>,
    /// The newest migration of the database schema.
    schema: i64,
    /// Raised by every change of the rules of who is who.
    rules: u32,
    target: String,
}

pub(super) fn run(arguments: &VersionArguments) -> anyhow::Result<()> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("HOOKPOINT_COMMIT"),
        schema: schema_version(),
        rules: DERIVATION_VERSION,
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    };
    if arguments.json {
        print_line(&serde_json::to_string(&version)?);
        return Ok(());
    }
    print_line(&format!("hookpoint {}", version.version));
    print_line(&format!("commit  {}", version.commit.unwrap_or("unknown")));
    print_line(&format!("schema  {}", version.schema));
    print_line(&format!("rules   {}", version.rules));
    print_line(&format!("target  {}", version.target));
    Ok(())
}
