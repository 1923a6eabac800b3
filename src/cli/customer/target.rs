//! The arguments that name a person.

use std::sync::Arc;

use clap::Args;

use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::cli::question::question;
use crate::cli::session::Session;
use crate::lookup::query::Question;

/// The usage in two lines, because one would be too long for a terminal.
pub(super) fn usage(command: &str) -> String {
    let target = "<--email <ADDRESS>|--phone <NUMBER>|--id <ID>>";
    format!("hookpoint customer {command} [OPTIONS]\n       {target}")
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("target").required(true)))]
pub(in crate::cli) struct TargetArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// E-mail address of the person
    #[arg(long, group = "target", value_name = "ADDRESS")]
    email: Option<String>,
    /// Phone number of the person, in any usual spelling
    #[arg(long, group = "target", value_name = "NUMBER")]
    phone: Option<String>,
    /// Customer id, record id or record key of the person
    #[arg(long, group = "target", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
}

impl TargetArguments {
    /// The brand, and the question for the person.
    pub(super) fn resolve<'s>(
        &self,
        session: &'s Session,
    ) -> Result<(&'s Arc<Brand>, Question), Failure> {
        let Self { brand, email, phone, id } = self;
        let brand = session.choose(brand.as_deref())?;
        let question = question(brand, email.as_deref(), phone.as_deref(), id.as_deref())?;
        Ok((brand, question))
    }
}
