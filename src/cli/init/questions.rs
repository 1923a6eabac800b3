//! Makes the choices: from the arguments, from answers at the terminal, and from the defaults.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;

use super::arguments::{InitArguments, SourceArgument, source};
use super::choices::{Choices, DatabaseChoice, Places, SourceChoice};
use super::settings_text::find_mistake;
use super::terminal::Terminal;
use crate::cli::exit::Failure;
use crate::customer::model::source::Source;
use crate::settings::has_database_url;
use crate::sources::secret::Secret;
use crate::sources::setup::{SecretOrigin, VerificationChoice};
use crate::sources::webhook_setup;

/// A question whose answer is a text of the settings.
struct TextQuestion {
    flag: &'static str,
    question: &'static str,
    argument: fn(&InitArguments) -> Option<&String>,
    field: fn(&mut Choices) -> &mut String,
}

const TEXTS: [TextQuestion; 5] = [
    TextQuestion {
        flag: "--brand",
        question: "Name of the brand in URLs, commands and logs (lower-case letters, digits, - and _)",
        argument: |arguments| arguments.brand.as_ref(),
        field: |choices| &mut choices.brand,
    },
    TextQuestion {
        flag: "--public-url",
        question: "Where Omnidesk and the sources reach this service (such as https://api.brand.nl)",
        argument: |arguments| arguments.public_url.as_ref(),
        field: |choices| &mut choices.public_url,
    },
    TextQuestion {
        flag: "--time-zone",
        question: "Time zone",
        argument: |arguments| arguments.time_zone.as_ref(),
        field: |choices| &mut choices.time_zone,
    },
    TextQuestion {
        flag: "--locale",
        question: "Language of the timeline (en or nl)",
        argument: |arguments| arguments.locale.as_ref(),
        field: |choices| &mut choices.locale,
    },
    TextQuestion {
        flag: "--region",
        question: "Country of phone numbers without a country code",
        argument: |arguments| arguments.region.as_ref(),
        field: |choices| &mut choices.region,
    },
];

/// Asks what the arguments leave open. Without a terminal it uses the defaults.
pub(super) fn choose(arguments: &InitArguments, places: &Places) -> anyhow::Result<Choices> {
    let given = given_database(arguments)?;
    let mut choices = Choices { database: DatabaseChoice::Embedded(None), ..Choices::default() };
    refuse_environment(&mut choices, places)?;
    let mut questions = Questions { arguments, places, terminal: Terminal::find(), choices };
    questions.refuse_missing()?;
    if let Some(terminal) = questions.terminal {
        terminal.restore_on_interrupt();
    }
    for text in &TEXTS {
        questions.text(text)?;
    }
    if let Some(database) = given {
        questions.choices.database = database;
        questions.check_argument("--database-url-file")?;
    } else {
        questions.database()?;
    }
    questions.sources()?;
    Ok(questions.choices)
}

/// The database that the arguments or the environment name.
fn given_database(arguments: &InitArguments) -> anyhow::Result<Option<DatabaseChoice>> {
    let InitArguments { embedded, data_dir, database_url_file, .. } = arguments;
    if has_database_url() {
        let is_given = *embedded || data_dir.is_some() || database_url_file.is_some();
        return if is_given {
            let what = "the environment variable DATABASE_URL is set, and overrides the settings; unset it, or \
                        leave out --embedded, --data-dir and --database-url-file";
            Err(Failure::mistake(what).into())
        } else {
            Ok(Some(DatabaseChoice::Environment))
        };
    }
    if let Some(file) = database_url_file {
        return Ok(Some(DatabaseChoice::Server(read_secret(file)?)));
    }
    let data_dir = data_dir.as_ref().map(std::path::absolute).transpose()?;
    Ok((*embedded || data_dir.is_some()).then_some(DatabaseChoice::Embedded(data_dir)))
}

/// Fails if no answer could be right in this environment, for example without a home directory.
fn refuse_environment(choices: &mut Choices, places: &Places) -> anyhow::Result<()> {
    choices.brand = "brand".to_owned();
    let mistake = find_mistake(choices, places);
    choices.brand.clear();
    mistake.map_or(Ok(()), |mistake| Err(anyhow::anyhow!("{mistake}. Nothing was written")))
}

/// Reads a secret from a file, without line breaks at its end.
fn read_secret(file: &Path) -> anyhow::Result<Secret> {
    const MAX_BYTES: u64 = 65_536;
    let mut text = String::new();
    File::open(file)
        .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec()))
}

struct Questions<'a> {
    arguments: &'a InitArguments,
    places: &'a Places,
    terminal: Option<Terminal>,
    choices: Choices,
}

impl Questions<'_> {
    /// Fails if nobody can answer a question that has no default.
    fn refuse_missing(&mut self) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for text in &TEXTS {
            let has_default = !(text.field)(&mut self.choices).is_empty();
            if !has_default && (text.argument)(self.arguments).is_none() {
                missing.push(text.flag);
            }
        }
        if missing.is_empty() || self.terminal.is_some() {
            return Ok(());
        }
        Err(Failure::mistake(format!(
            "init cannot ask questions without a terminal; these arguments are missing: {}",
            missing.join(", ")
        )))
    }

    fn mistake(&self) -> Option<String> {
        find_mistake(&self.choices, self.places)
    }

    fn check_argument(&self, flag: &str) -> anyhow::Result<()> {
        let mistake = self.mistake();
        mistake.map_or(Ok(()), |mistake| Err(Failure::mistake(format!("{flag}: {mistake}")).into()))
    }

    fn text(&mut self, text: &TextQuestion) -> anyhow::Result<()> {
        if let Some(given) = (text.argument)(self.arguments) {
            (text.field)(&mut self.choices).clone_from(given);
            return self.check_argument(text.flag);
        }
        let Some(terminal) = self.terminal else { return Ok(()) };
        let default = (text.field)(&mut self.choices).clone();
        loop {
            let answer = terminal.ask(text.question, &default)?;
            if answer.is_empty() {
                terminal.say("This has no default.");
                continue;
            }
            *(text.field)(&mut self.choices) = answer;
            match self.mistake() {
                Some(mistake) => terminal.say(&mistake),
                None => return Ok(()),
            }
        }
    }

    fn database(&mut self) -> anyhow::Result<()> {
        let Some(terminal) = self.terminal else { return Ok(()) };
        loop {
            let url = terminal.ask_hidden(
                "URL of your Postgres, which is not shown (empty: an embedded Postgres, which is enough for one machine)",
            )?;
            self.choices.database = if url.is_empty() {
                DatabaseChoice::Embedded(None)
            } else {
                DatabaseChoice::Server(Secret::new(url.into_bytes()))
            };
            match self.mistake() {
                Some(mistake) => terminal.say(&mistake),
                None => return Ok(()),
            }
        }
    }

    fn sources(&mut self) -> anyhow::Result<()> {
        for argument in self.named_sources()? {
            let is_twice =
                self.choices.sources.iter().any(|choice| choice.source == argument.source);
            if is_twice {
                return Err(Failure::mistake(format!("{} is named twice", argument.source)).into());
            }
            self.source(&argument)?;
        }
        let is_chosen = |source| self.choices.sources.iter().any(|choice| choice.source == source);
        match self.arguments.secret_files.iter().find(|secret| !is_chosen(secret.source)) {
            Some(secret) => Err(Failure::mistake(format!(
                "--secret-file is for {0}, but --source does not name {0}",
                secret.source
            ))
            .into()),
            None => Ok(()),
        }
    }

    fn named_sources(&self) -> anyhow::Result<Vec<SourceArgument>> {
        let Some(terminal) = self.terminal.filter(|_| self.arguments.sources.is_empty()) else {
            return Ok(self.arguments.sources.clone());
        };
        let all = Source::ALL.map(Source::as_str).join(", ");
        loop {
            let answer = terminal.ask(&format!("Sources that send webhooks ({all})"), "none")?;
            let names = answer.split([',', ' ']).filter(|name| !["", "none"].contains(name));
            let sources: Result<Vec<SourceArgument>, String> = names
                .map(|name| Ok(SourceArgument { source: source(name)?, verification: None }))
                .collect();
            match sources {
                Ok(sources) => return Ok(sources),
                Err(mistake) => terminal.say(&mistake),
            }
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
            match self.terminal.filter(|_| self.secret_file(source).is_none()) {
                Some(terminal) => terminal.say(&mistake),
                None => return Err(Failure::mistake(format!("--secret-file: {mistake}")).into()),
            }
        }
    }

    fn verification(
        &self,
        argument: &SourceArgument,
    ) -> anyhow::Result<&'static VerificationChoice> {
        let setup = webhook_setup(argument.source);
        let default = setup.verifications.first().context("the source has no verification")?;
        let Some(terminal) = self.terminal.filter(|_| argument.verification.is_none()) else {
            return Ok(argument.verification.unwrap_or(default));
        };
        terminal.say(&format!("How are the webhooks of {} verified?", setup.name));
        for verification in setup.verifications {
            terminal.say(&format!("  {:<11}{}", verification.name, verification.meaning));
        }
        loop {
            let answer = terminal.ask("Verification", default.name)?;
            match setup.find(&answer) {
                Some(verification) => return Ok(verification),
                None => terminal.say(&format!("Write {}.", setup.names().join(" or "))),
            }
        }
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
            (SecretOrigin::None, Some(_)) => {
                let name = verification.name;
                Err(Failure::mistake(format!("--secret-file: {source}={name} has no secret"))
                    .into())
            }
            (SecretOrigin::None, None) => Ok(None),
            (_, Some(file)) => read_secret(file).map(Some),
            (SecretOrigin::Service, None) => Secret::generate()
                .map(Some)
                .map_err(|_| anyhow::anyhow!("the operating system returned no random numbers")),
            (SecretOrigin::Source, None) => {
                let Some(terminal) = self.terminal else { return Ok(None) };
                let name = webhook_setup(source).name;
                let secret = terminal.ask_hidden(&format!(
                    "Secret from {name}, which is not shown (empty: you do not have it yet)"
                ))?;
                Ok((!secret.is_empty()).then(|| Secret::new(secret.into_bytes())))
            }
        }
    }
}
