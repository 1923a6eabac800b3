//! The arguments of `hookpoint init`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::customer::model::source::Source;
use crate::settings::file::BrandSettings;
use crate::sources::setup::VerificationChoice;
use crate::sources::webhook_setup;

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Name of the brand in URLs, commands and logs: lower-case letters, digits, - and _
    #[arg(long, value_name = "NAME")]
    pub(super) brand: Option<String>,
    #[arg(
        long,
        value_name = "URL",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        help = "Where Omnidesk and the sources reach this service, such as https://api.brand.nl"
    )]
    pub(super) public_url: Option<String>,
    #[arg(long, value_name = "ZONE", help = help("Time zone of the brand", |brand| brand.time_zone))]
    pub(super) time_zone: Option<String>,
    #[arg(long, help = help("Language of the timeline: en or nl", |brand| brand.locale))]
    pub(super) locale: Option<String>,
    #[arg(
        long,
        value_name = "COUNTRY",
        help = help("Country of phone numbers without a country code", |brand| brand.default_region)
    )]
    pub(super) region: Option<String>,
    /// Use an embedded Postgres, which is enough for one machine. Without a terminal, this is the default
    #[arg(long, conflicts_with = "database_url_file")]
    pub(super) embedded: bool,
    /// Directory of the data of the embedded Postgres
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "database_url_file")]
    pub(super) data_dir: Option<PathBuf>,
    /// Use the Postgres whose URL is in this file. The URL is copied into a file of its own
    #[arg(long, value_name = "FILE")]
    pub(super) database_url_file: Option<PathBuf>,
    #[arg(long = "source", value_name = "SOURCE[=VERIFICATION]", help = source_help())]
    pub(super) sources: Vec<SourceArgument>,
    /// The file that has the webhook secret of a source now. The secret is copied. Repeat it for several sources
    #[arg(long = "secret-file", value_name = "SOURCE=FILE")]
    pub(super) secret_files: Vec<SecretFileArgument>,
    /// Create no key yet. Nothing connects to the database
    #[arg(long)]
    pub(super) no_key: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `SOURCE` or `SOURCE=VERIFICATION`
#[derive(Debug, Clone)]
pub(super) struct SourceArgument {
    pub(super) source: Source,
    pub(super) verification: Option<&'static VerificationChoice>,
}

/// `SOURCE=FILE`
#[derive(Debug, Clone)]
pub(super) struct SecretFileArgument {
    pub(super) source: Source,
    pub(super) file: PathBuf,
}

/// A help text with the default of the settings.
fn help(text: &str, default: fn(BrandSettings) -> String) -> String {
    format!("{text} [default: {}]", default(BrandSettings::default()))
}

fn source_help() -> String {
    let sources = Source::ALL
        .map(|source| format!("{source}[={}]", webhook_setup(source).names().join("|")))
        .join(", ");
    format!(
        "A source that sends webhooks, and how they are verified (default: the first way). \
         Repeat it for several: {sources}"
    )
}

impl FromStr for SourceArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, verification) = match text.split_once('=') {
            Some((name, verification)) => (name, Some(verification)),
            None => (text, None),
        };
        let source = source(name)?;
        let setup = webhook_setup(source);
        let find = |name| {
            let unknown = || {
                format!(
                    "{name} is not a verification of {source}; write {}",
                    setup.names().join(" or ")
                )
            };
            setup.find(name).ok_or_else(unknown)
        };
        Ok(Self { source, verification: verification.map(find).transpose()? })
    }
}

impl FromStr for SecretFileArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or("write the name of the source, =, and the path of the file")?;
        Ok(Self { source: source(name)?, file: PathBuf::from(file) })
    }
}

/// The source with a name.
pub(super) fn source(name: &str) -> Result<Source, String> {
    name.parse().map_err(|_| {
        format!(
            "{name} is not a source; the sources are {}",
            Source::ALL.map(Source::as_str).join(", ")
        )
    })
}
