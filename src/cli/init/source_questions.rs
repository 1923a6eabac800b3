//! The questions about sources: which ones send webhooks, how each is verified, and with which secret.

use std::path::Path;

use anyhow::Context;

use super::arguments::{SourceArgument, source};
use super::choices::SourceChoice;
use super::questions::{Questions, read_secret};
use crate::cli::exit::Failure;
use crate::customer::model::source::Source;
use crate::sources::secret::Secret;
use crate::sources::setup::{SecretOrigin, VerificationChoice};
use crate::sources::webhook_setup;

impl Questions<'_> {
    pub(super) fn sources(&mut self) -> anyhow::Result<()> {
        for argument in self.named_sources()? {
            self.source(&argument)?;
        }
        Ok(())
    }

    fn named_sources(&self) -> anyhow::Result<Vec<SourceArgument>> {
        let Some(terminal) = self.terminal.filter(|_| self.arguments.sources.is_empty()) else {
            let named = self.arguments.sources.clone();
            self.check_named(&named).map_err(Failure::mistake)?;
            return Ok(named);
        };
        let all = Source::ALL.map(Source::as_str).join(", ");
        loop {
            let answer = terminal.ask(&format!("Sources that send webhooks ({all})"), "none")?;
            let names = answer.split([',', ' ']).filter(|name| !["", "none"].contains(name));
            let sources: Result<Vec<SourceArgument>, String> = names
                .map(|name| Ok(SourceArgument { source: source(name)?, verification: None }))
                .collect();
            match sources.and_then(|named| self.check_named(&named).map(|()| named)) {
                Ok(sources) => return Ok(sources),
                Err(mistake) => terminal.say(&mistake),
            }
        }
    }

    /// Refuses a source that is named twice, and a file for a source that is not named.
    fn check_named(&self, named: &[SourceArgument]) -> Result<(), String> {
        let count = |source| named.iter().filter(|argument| argument.source == source).count();
        if let Some(twice) = named.iter().find(|argument| count(argument.source) > 1) {
            return Err(format!("{} is named twice", twice.source));
        }
        match self.arguments.secret_files.iter().find(|secret| count(secret.source) == 0) {
            Some(secret) => Err(format!(
                "--secret-file is for {0}, but {0} is not among the sources",
                secret.source
            )),
            None => Ok(()),
        }
    }

    fn source(&mut self, argument: &SourceArgument) -> anyhow::Result<()> {
        let source = argument.source;
        let verification = self.verification(argument)?;
        loop {
            let secret = self.secret(source, verification)?;
            self.choices.sources.push(SourceChoice { source, verification, secret });
            let Some(mistake) = self.mistake() else { return Ok(()) };
            self.choices.sources.pop();
            let is_of_file = self.secret_file(source).is_some();
            let is_asked = !is_of_file && verification.secret == SecretOrigin::Source;
            match self.terminal.filter(|_| is_asked) {
                Some(terminal) => terminal.say(&mistake),
                None => {
                    let flag = if is_of_file { "--secret-file" } else { "--source" };
                    return Err(Failure::mistake(format!("{flag}: {mistake}")).into());
                }
            }
        }
    }

    fn verification(
        &self,
        argument: &SourceArgument,
    ) -> anyhow::Result<&'static VerificationChoice> {
        let (source, setup) = (argument.source, webhook_setup(argument.source));
        let default = setup.verifications.first().context("the source has no verification")?;
        let Some(terminal) = self.terminal.filter(|_| argument.verification.is_none()) else {
            let given = argument.verification.unwrap_or(default);
            self.check_verification(source, given).map_err(Failure::mistake)?;
            return Ok(given);
        };
        terminal.say(&format!("How are the webhooks of {} verified?", setup.name));
        for verification in setup.verifications {
            terminal.say(&format!("  {:<11}{}", verification.name, verification.meaning));
        }
        loop {
            let answer = terminal.ask("Verification", default.name)?;
            let found = setup.find(&answer);
            let found = found.ok_or_else(|| format!("Write {}.", setup.names().join(" or ")));
            match found.and_then(|found| self.check_verification(source, found).map(|()| found)) {
                Ok(verification) => return Ok(verification),
                Err(mistake) => terminal.say(&mistake),
            }
        }
    }

    /// Refuses a file with a secret for webhooks that have none.
    fn check_verification(
        &self,
        source: Source,
        verification: &VerificationChoice,
    ) -> Result<(), String> {
        let has_secret = verification.secret != SecretOrigin::None;
        if has_secret || self.secret_file(source).is_none() {
            return Ok(());
        }
        Err(format!("--secret-file: {source}={} has no secret", verification.name))
    }

    fn secret_file(&self, source: Source) -> Option<&Path> {
        let mut files = self.arguments.secret_files.iter();
        files.find(|secret| secret.source == source).map(|secret| secret.file.as_path())
    }

    /// The secret of a source's webhooks. `None` if there is none, or if it is not known yet.
    fn secret(
        &self,
        source: Source,
        verification: &VerificationChoice,
    ) -> anyhow::Result<Option<Secret>> {
        match (verification.secret, self.secret_file(source)) {
            (SecretOrigin::None, _) => Ok(None),
            (_, Some(file)) => read_secret(file).map(Some),
            (SecretOrigin::Service, None) => Secret::generate()
                .map(Some)
                .map_err(|_| anyhow::anyhow!("the operating system returned no random numbers")),
            (SecretOrigin::Source, None) => {
                let Some(terminal) = self.terminal else { return Ok(None) };
                let name = webhook_setup(source).name;
                let secret = terminal.ask_hidden(&format!(
                    "Secret from {name}; what you type is not shown (empty: you do not have it yet)"
                ))?;
                Ok((!secret.is_empty()).then(|| Secret::new(secret.into_bytes())))
            }
        }
    }
}
