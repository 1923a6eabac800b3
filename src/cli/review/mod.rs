//! `hookpoint review`: open questions about who is who.

mod shown;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use self::shown::{not_shown, print_review, print_reviews, review_as_json};
use super::actor::ActorArguments;
use super::decision::act::{ActArguments, ActWords, run_act};
use super::exit::Failure;
use super::output::{OutputArguments, print_error, print_json, print_line};
use super::session::Session;
use crate::admin::decisions::views_of;
use crate::admin::reviews::{
    DAYS_AWAY, Review, ReviewAnswer, days_later, find, list, postpone, settle,
};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum ReviewCommand {
    /// List the open questions. Those that most lookups met come first
    List(ListArguments),
    /// Show an open question with the customers that it is about
    Show {
        /// Id of the question, from `review list`
        id: String,
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Answer an open question. Shows the result, and asks before it decides
    Decide {
        /// Id of the question, from `review list`
        id: String,
        /// The answer
        #[arg(value_enum)]
        answer: AnswerArgument,
        #[command(flatten)]
        act: ActArguments,
    },
    /// Put an open question away for some days
    Later(LaterArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Also questions that somebody put away until later
    #[arg(long)]
    all: bool,
    /// Show at most this many questions for each brand
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct LaterArguments {
    /// Id of the question, from `review list`
    id: String,
    /// For how many days
    #[arg(long, default_value_t = DAYS_AWAY, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    days: u16,
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    #[command(flatten)]
    actor: ActorArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum AnswerArgument {
    /// The customers are one person. About one customer: the address is theirs, or it is one person
    Same,
    /// The customers are different people. About one customer: the address is not theirs
    Different,
    /// The address belongs to several people: it joins no records
    Shared,
    /// Not now: the same as `review later` for a week
    Later,
}

pub(super) async fn run(command: ReviewCommand, settings: Settings) -> anyhow::Result<()> {
    let is_read_only = matches!(command, ReviewCommand::List(_) | ReviewCommand::Show { .. });
    let session = if is_read_only {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let done = run_in(&session, command, Clock::system().now()).await;
    session.close().await;
    done
}

async fn run_in(session: &Session, command: ReviewCommand, now: Timestamp) -> anyhow::Result<()> {
    match command {
        ReviewCommand::List(arguments) => list_open(session, &arguments, now).await,
        ReviewCommand::Show { id, brand, output } => {
            show(session, session.choose(brand.as_deref())?, &id, &output).await
        }
        ReviewCommand::Decide { id, answer, act } => {
            let brand = act.brand(session)?;
            let review = open_review(session, brand, &id).await?;
            let answer = match answer {
                AnswerArgument::Later => {
                    let how = act.put_away()?;
                    return put_away(session, (brand, review), (DAYS_AWAY, now), how).await;
                }
                AnswerArgument::Same => ReviewAnswer::Same,
                AnswerArgument::Different => ReviewAnswer::Different,
                AnswerArgument::Shared => ReviewAnswer::Shared,
            };
            if review.is_settled_by(answer) {
                return settle_report(session, (brand, &review), now, &act).await;
            }
            let wanted = review.act(answer).map_err(|error| Failure::mistake(error.to_string()))?;
            let words = ActWords { question: "Decide this?", action: "decide this" };
            run_act(session, brand, &wanted, &act, words).await
        }
        ReviewCommand::Later(arguments) => later(session, &arguments, now).await,
    }
}

async fn open_review(session: &Session, brand: &Brand, id: &str) -> anyhow::Result<Review> {
    let found = find(&session.database.pool, brand, id).await?;
    let what = "there is no open question with this id; `hookpoint review list` lists them";
    found.ok_or_else(|| Failure::not_found(what).into())
}

async fn list_open(
    session: &Session,
    arguments: &ListArguments,
    now: Timestamp,
) -> anyhow::Result<()> {
    let (mut all, mut left_out) = (Vec::new(), 0_usize);
    for brand in session.brands_of(arguments.brand.as_deref())? {
        let open = list(&session.database.pool, &brand, arguments.all, now).await?;
        left_out = left_out.saturating_add(open.len().saturating_sub(arguments.limit));
        let some = open.into_iter().take(arguments.limit);
        all.extend(some.map(|review| (brand.rules.slug.clone(), review)));
    }
    if arguments.output.is_json() {
        let reviews = all.iter().map(|(slug, review)| review_as_json(slug, review));
        print_json(&reviews.collect::<Vec<_>>())?;
        if left_out > 0 {
            print_error(&not_shown(left_out));
        }
        return Ok(());
    }
    if all.is_empty() && left_out == 0 {
        print_line("There are no open questions.");
    }
    print_reviews(&all, now);
    if left_out > 0 {
        print_line(&not_shown(left_out));
    }
    Ok(())
}

async fn show(
    session: &Session,
    brand: &Brand,
    id: &str,
    output: &OutputArguments,
) -> anyhow::Result<()> {
    let review = open_review(session, brand, id).await?;
    let keys = review.open.review.customers.iter().cloned().collect();
    let mut connection = session.database.pool.acquire().await?;
    let views = views_of(&mut connection, brand, &keys).await?;
    if output.is_json() {
        return print_json(&shown::review_with_customers(&brand.rules.slug, &review, &views));
    }
    print_review(brand, &review, &views);
    Ok(())
}

async fn later(
    session: &Session,
    arguments: &LaterArguments,
    now: Timestamp,
) -> anyhow::Result<()> {
    let brand = session.choose(arguments.brand.as_deref())?;
    let review = open_review(session, brand, &arguments.id).await?;
    let how = (&arguments.actor, &arguments.output);
    put_away(session, (brand, review), (arguments.days, now), how).await
}

/// Decides that a reported customer is one person. No record changes, so there is nothing to preview.
async fn settle_report(
    session: &Session,
    (brand, review): (&Brand, &Review),
    now: Timestamp,
    act: &ActArguments,
) -> anyhow::Result<()> {
    let (actor, output) = act.put_away()?;
    let actor = actor.actor();
    if !settle(&session.database.pool, brand, review, (actor.attribution(), now)).await? {
        return Err(Failure::not_found("this question is no longer open").into());
    }
    if output.is_json() {
        return print_json(
            &json!({ "brand": brand.rules.slug, "id": review.id, "outcome": "settled" }),
        );
    }
    print_line(
        "Decided: it is one person. Agents can raise the question again if another record joins it.",
    );
    Ok(())
}

async fn put_away(
    session: &Session,
    (brand, mut review): (&Brand, Review),
    (days, now): (u16, Timestamp),
    (actor, output): (&ActorArguments, &OutputArguments),
) -> anyhow::Result<()> {
    let until = days_later(now, days);
    let actor = actor.actor();
    let by = (actor.attribution(), now);
    let pool = &session.database.pool;
    if !postpone(pool, brand, &review, until, by).await? {
        return Err(Failure::not_found("this question is no longer open").into());
    }
    review.open.postponed_until = Some(until);
    if output.is_json() {
        return print_json(&review_as_json(&brand.rules.slug, &review));
    }
    print_line(&format!("Put away until {}.", until.strftime("%F %T UTC")));
    Ok(())
}
