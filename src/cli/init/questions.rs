//! Makes the choices: from the arguments, from answers at the terminal, and from the defaults.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::arguments::InitArguments;
use super::choices::{Choices, DatabaseChoice, Places};
use super::settings_text::find_mistake;
use super::terminal::Terminal;
use crate::cli::exit::Failure;
use crate::cli::secret_file::{MAX_SECRET, check_secret_length};
use crate::settings::has_database_url;
use crate::sources::secret::Secret;

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
pub(super) fn read_secret(file: &Path) -> anyhow::Result<Secret> {
    let mut text = String::new();
    File::open(file)
        .and_then(|file| file.take(MAX_SECRET.saturating_add(1)).read_to_string(&mut text))
        .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))?;
    check_secret_length(file, text.len())?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec()))
}

pub(super) struct Questions<'a> {
    pub(super) arguments: &'a InitArguments,
    places: &'a Places,
    pub(super) terminal: Option<Terminal>,
    pub(super) choices: Choices,
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

    /// The first mistake in the choices so far.
    pub(super) fn mistake(&self) -> Option<String> {
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
                "URL of your Postgres; what you type is not shown (empty: an embedded Postgres, which is enough for one machine)",
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
}
