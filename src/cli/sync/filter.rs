//! The arguments that select streams.

use std::collections::BTreeSet;

use clap::Args;

use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::customer::model::source::Source;
use crate::sources::SourceSettings;
use crate::sources::api::Stream;

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only this brand
    #[arg(long)]
    pub(super) brand: Option<String>,
    /// Only this source
    #[arg(long, value_name = "SOURCE")]
    pub(super) source: Option<Source>,
    /// Only this stream, as `sync status` shows it
    #[arg(long, value_name = "STREAM")]
    pub(super) stream: Option<String>,
}

impl FilterArguments {
    /// Whether a source is selected.
    pub(super) fn means(&self, source: Source) -> bool {
        self.source.is_none_or(|wanted| wanted == source)
    }

    /// The selected streams of a source.
    pub(super) fn streams(&self, brand: &Brand, source: Source) -> Vec<Stream> {
        let all = brand.rules.sources.api(source).streams().iter();
        all.filter(|stream| self.stream.as_deref().is_none_or(|wanted| wanted == stream.name))
            .copied()
            .collect()
    }

    /// Refuses the name of a stream that no selected source has.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let sources = SourceSettings::default();
        let Some(wanted) = &self.stream else { return Ok(()) };
        let names: BTreeSet<&str> = Source::ALL
            .into_iter()
            .filter(|source| self.means(*source))
            .flat_map(|source| sources.api(source).streams())
            .map(|stream| stream.name)
            .collect();
        if names.contains(wanted.as_str()) {
            return Ok(());
        }
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        Err(Failure::mistake(format!("there is no such stream; the streams are {names}")))
    }
}
