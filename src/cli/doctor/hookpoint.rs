//! `hookpoint doctor URL`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::report::Report;
use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::customer::model::phone::Phone;
use crate::doctor::contract::{self, Options, Target, TestCustomer};

#[derive(Debug, Args)]
pub(super) struct HookpointArguments {
    /// The CRM sync url of any hookpoint, as it is in Omnidesk: examine that hookpoint from outside, with 60 to 80
    /// requests. Without a URL: examine this service
    pub(super) url: Option<String>,
    /// The key, if it is not in the URL. Other users of this machine can see a key in arguments: prefer --key-file
    #[arg(long, requires = "url", value_name = "KEY", conflicts_with = "key_file")]
    key: Option<String>,
    /// A file with the key
    #[arg(long, requires = "url", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The name of the parameter with the key
    #[arg(long, requires = "url", value_name = "NAME", default_value = "key")]
    key_parameter: String,
    /// The e-mail address of a customer who exists there, to check the answer about a customer
    #[arg(long, requires = "url", value_name = "ADDRESS")]
    email: Option<String>,
    /// The phone number of that customer, in E.164 format
    #[arg(long, requires = "url", value_name = "NUMBER")]
    phone: Option<String>,
    /// An id of that customer
    #[arg(long, requires = "url")]
    id: Option<String>,
    /// Wait this long before each request
    #[arg(long, requires = "url", value_name = "MILLISECONDS", default_value_t = 20)]
    pause: u64,
    /// Warn about answers that are slower than this
    #[arg(long, requires = "url", value_name = "MILLISECONDS", default_value_t = 1_000)]
    slow_after: u64,
    /// Only the check with this id
    #[arg(long, requires = "url", value_name = "ID")]
    only: Option<String>,
}

/// Examines any hookpoint.
pub(super) async fn examine(
    arguments: &HookpointArguments,
    url: &str,
    timeout: Duration,
) -> anyhow::Result<Report> {
    let target = arguments.target(url)?;
    if arguments.phone.as_deref().is_some_and(|phone| Phone::parse_e164(phone).is_err()) {
        let what = "--phone is not a phone number; write it as +31612312311";
        return Err(Failure::mistake(what).into());
    }
    let ids = contract::ids();
    if let Some(only) = arguments.only.as_deref().filter(|only| !ids.contains(only)) {
        let (only, ids) = (plain(only), ids.join(", "));
        return Err(
            Failure::mistake(format!("there is no check {only}; the checks are {ids}")).into()
        );
    }
    let options = arguments.options(timeout);
    let examined = contract::examine(&target, &arguments.customer(), &options).await?;
    Ok(Report::of_hookpoint(target.origin(), examined.findings, examined.requests))
}

impl HookpointArguments {
    fn target(&self, url: &str) -> Result<Target, Failure> {
        let of_file = self.key_file.as_ref().map(std::fs::read_to_string).transpose();
        let of_file = of_file.map_err(|error| {
            Failure::mistake(format!("the file of --key-file cannot be read: {error}"))
        })?;
        let key = of_file.as_deref().map(str::trim).or(self.key.as_deref());
        Target::parse(url, key, &self.key_parameter)
            .map_err(|error| Failure::mistake(error.to_string()))
    }

    fn customer(&self) -> TestCustomer {
        TestCustomer { email: self.email.clone(), phone: self.phone.clone(), id: self.id.clone() }
    }

    fn options(&self, timeout: Duration) -> Options {
        Options {
            timeout,
            pause: Duration::from_millis(self.pause),
            slow_after: Duration::from_millis(self.slow_after),
            only: self.only.clone(),
        }
    }
}
