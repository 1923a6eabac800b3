//! `hookpoint init`: the first settings, the secrets and the key of a new installation.

mod arguments;
mod choices;
mod files;
mod questions;
mod report;
mod settings_text;
mod source_questions;
mod terminal;

use std::path::PathBuf;

pub(super) use self::arguments::InitArguments;
use self::choices::Places;
use self::files::{refuse_existing, write_files};
use self::questions::choose;
use self::report::{Parts, Report, key_command, shell_word};
use super::actor::Actor;
use super::session::Session;
use crate::admin::keys::{CreatedKey, KeyTerms, create_key};
use crate::clock::Clock;
use crate::settings::{Mistake, Settings, new_settings_file};

/// Asks, writes the files, creates the key, and prints what to do next. `path` is the argument of
/// `--settings`.
pub(super) async fn run(arguments: InitArguments, path: Option<PathBuf>) -> anyhow::Result<()> {
    let places = Places::new(&path.clone().unwrap_or_else(new_settings_file))?;
    let command = path.map_or_else(
        || "hookpoint".to_owned(),
        |_| format!("hookpoint --settings {}", shell_word(&places.settings.display().to_string())),
    );
    refuse_existing([places.settings.as_path()].into_iter())?;
    let choices = choose(&arguments, &places)?;
    let files = write_files(&choices, &places)?;
    let settings = Settings::load(Some(&places.settings)).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
        anyhow::anyhow!("{}. The files are written; correct them", mistakes.join(". "))
    })?;
    let file = settings.file.clone();
    let key = if arguments.no_key {
        None
    } else {
        Some(Box::pin(make_key(settings, &choices.brand)).await)
    };
    let created = key.as_ref().and_then(|key| key.as_ref().ok());
    let parts = Parts {
        choices: &choices,
        places: &places,
        files,
        file: &file,
        key: created,
        command: &command,
    };
    Report::new(parts).print(arguments.json)?;
    match key {
        Some(Err(error)) => Err(anyhow::anyhow!(
            "the files are written, but no key was created: {error}. Correct the cause, then run: {}",
            key_command(&command, &choices.brand)
        )),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Creates the key for Omnidesk, as `hookpoint key create` does.
async fn make_key(settings: Settings, brand: &str) -> anyhow::Result<CreatedKey> {
    terminal::say("Opening the database to create the key ...");
    let session = Session::open(settings).await?;
    let created = match session.find(brand) {
        Ok(brand) => {
            let (actor, now) = (Actor::of(None), Clock::system().now());
            let terms = KeyTerms::new("Omnidesk");
            let pool = &session.database.pool;
            create_key(pool, brand, terms, actor.attribution(), now)
                .await
                .map_err(anyhow::Error::from)
        }
        Err(error) => Err(error.into()),
    };
    session.close().await;
    created
}
