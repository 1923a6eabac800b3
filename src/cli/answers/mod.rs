//! `hookpoint answers`

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Failure;
use super::output::{JsonArguments, plain, print_json, print_line};
use super::question::question;
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::admin::answer_difference::{Line, differing_lines, title};
use crate::admin::answers_preview::{AnswerPreview, preview_answer};
use crate::admin::find_customers::find_customers;
use crate::brand::Brand;
use crate::counted::counted;
use crate::settings::Settings;
use crate::storage::customers::sample_customers;

/// Where the old and the new templates come from.
const WHICH_TEMPLATES: &str = "\
The new templates are those in the settings file of --settings. The answers
before are those in the database. The new file must lead to the same database:
DATABASE_URL, else the URL or the data directory in it.

The records and addresses of customers stay as they are stored. What new rules
of who is who would change, `hookpoint identity preview` shows.";

#[derive(Debug, Subcommand)]
pub(super) enum AnswersCommand {
    /// Show how the templates of a settings file would change answers, and change nothing
    #[command(after_help = WHICH_TEMPLATES)]
    Preview(PreviewArguments),
}

#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Compare the answers of this many customers, drawn at random
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with_all = ["email", "phone", "id"])]
    sample: u32,
    /// Seed of the random numbers: another seed draws other customers
    #[arg(long, default_value_t = 1, value_name = "S", conflicts_with_all = ["email", "phone", "id"])]
    seed: u32,
    /// Compare the answers of the customers with this e-mail address
    #[arg(long, group = "question", value_name = "ADDRESS")]
    email: Option<String>,
    /// Compare the answers of the customers with this phone number, in any usual spelling
    #[arg(long, group = "question", value_name = "NUMBER")]
    phone: Option<String>,
    /// Compare the answer of the customer with this customer id, record id, record key or order number
    #[arg(long, group = "question")]
    id: Option<String>,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn run(command: AnswersCommand, settings: Settings) -> anyhow::Result<()> {
    let AnswersCommand::Preview(arguments) = command;
    let session = Session::read_only(settings).await?;
    let done = preview(&session, &arguments).await;
    session.close().await;
    done
}

async fn preview(session: &Session, arguments: &PreviewArguments) -> anyhow::Result<()> {
    let brand = session.choose(arguments.brand.as_deref())?;
    let keys = customers(session, brand, arguments).await?;
    let mut connection = session.database.pool.acquire().await?;
    let mut all: Vec<Value> = Vec::new();
    let mut summary = Summary::default();
    for key in keys {
        let Some(preview) = preview_answer(&mut connection, brand, &key).await? else { continue };
        let before: Value = serde_json::from_str(&preview.before)?;
        let after: Value = serde_json::from_str(&preview.after)?;
        let lines = differing_lines(&before, &after);
        summary.add(&preview);
        if arguments.output.json {
            all.push(as_json(brand, &preview, &before, &after));
        } else if preview.before != preview.after {
            print_difference(&after, &lines);
        }
    }
    if arguments.output.json {
        return print_json(&all);
    }
    summary.print();
    Ok(())
}

/// The keys of the customers to compare.
async fn customers(
    session: &Session,
    brand: &Brand,
    arguments: &PreviewArguments,
) -> anyhow::Result<Vec<String>> {
    let PreviewArguments { email, phone, id, sample, seed, .. } = arguments;
    let pool = &session.database.pool;
    if email.is_none() && phone.is_none() && id.is_none() {
        let mut connection = pool.acquire().await?;
        let (seed, sample) = (i64::from(*seed), i64::from(*sample));
        return Ok(sample_customers(&mut connection, brand.id(), seed, sample).await?);
    }
    let question = question(brand, email.as_deref(), phone.as_deref(), id.as_deref())?;
    let found = find_customers(pool, brand, &question, session.read_rules()).await?;
    if found.is_empty() {
        return Err(Failure::not_found("no customer has this address or id").into());
    }
    Ok(found.into_iter().map(|found| found.key).collect())
}

fn as_json(brand: &Brand, preview: &AnswerPreview, before: &Value, after: &Value) -> Value {
    json!({
        "brand": brand.rules.slug,
        "key": preview.customer_key,
        "is_different": preview.before != preview.after,
        "before": before,
        "after": after,
        "failed_templates": preview.failed_templates,
    })
}

fn print_difference(after: &Value, lines: &[Line]) {
    print_line(&plain(&title(after)));
    for line in lines {
        let sign = if line.is_new { '+' } else { '-' };
        print_wrapped(&plain(&format!("  {sign} {}", line.text)), 6);
    }
    if lines.is_empty() {
        print_line("  The same lines, in another order or of another type.");
    }
    print_line("");
}

/// How many answers differ, and which templates failed how often.
#[derive(Default)]
struct Summary {
    customers: u64,
    different: u64,
    failures: BTreeMap<String, u64>,
}

impl Summary {
    fn add(&mut self, preview: &AnswerPreview) {
        let is_different = preview.before != preview.after;
        self.customers = self.customers.saturating_add(1);
        self.different = self.different.saturating_add(u64::from(is_different));
        for template in &preview.failed_templates {
            let count = self.failures.entry(template.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn print(&self) {
        let different = counted(self.different, "answer", "answers");
        print_line(&format!("{different} of {} would change.", self.customers));
        for (template, count) in &self.failures {
            let customers = counted(count, "customer", "customers");
            print_wrapped(
                &format!(
                    "The template {template} fails for {customers}; its field or message is left out."
                ),
                2,
            );
        }
    }
}
