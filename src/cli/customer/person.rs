//! The person that a command is about.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::admin::find_customers::{Match, find_customers, find_remains};
use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::cli::output::{plain, print_error, print_plain};
use crate::cli::session::Session;
use crate::cli::shown_customer::{lines_about, print_customer};
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::record::RecordKey;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{ReadRules, find};
use crate::storage::pool::Pool;

/// The person that a command is about.
pub(super) struct Person<'a> {
    pub(super) brand: &'a Brand,
    pub(super) question: &'a Question,
    pool: &'a Pool,
    rules: ReadRules,
    /// Whether nothing but JSON may be printed.
    is_silent: bool,
}

impl<'a> Person<'a> {
    pub(super) fn new(
        session: &'a Session,
        brand: &'a Brand,
        question: &'a Question,
        is_silent: bool,
    ) -> anyhow::Result<Self> {
        let rules = session.read_rules();
        Ok(Self { brand, question, pool: &session.database.pool, rules, is_silent })
    }

    /// Finds the records of the person. Prints the customers that match if `shows` is set. If there are several, standard
    /// error says who they are: standard output may be the file of an export.
    pub(super) async fn find(&self, shows: bool) -> anyhow::Result<BTreeSet<RecordKey>> {
        let found = find_customers(self.pool, self.brand, self.question, self.rules).await?;
        if shows && !self.is_silent {
            self.print(&found).await?;
        } else if found.len() > 1 {
            self.print_choice(&found).await?;
        }
        anyhow::ensure!(
            found.len() < 2,
            "several customers match; repeat the command with --id and the key of one of them"
        );
        let records: BTreeSet<_> = found.into_iter().flat_map(|found| found.records).collect();
        if !records.is_empty() {
            return Ok(records);
        }
        let remains = find_remains(self.pool, self.brand, self.question).await?;
        if remains.is_empty() {
            let what = "no customer and no deleted record has this address or id";
            return Err(Failure::not_found(what).into());
        }
        let keys: Vec<String> = remains.iter().map(ToString::to_string).collect();
        if let [_, _, ..] = keys.as_slice() {
            return Err(Failure::mistake(format!(
                "no customer has this id, but data of several deleted records is left; repeat the command with --id and one of these keys: {}",
                keys.join(", ")
            ))
            .into());
        }
        if shows {
            print_wrapped(
                &plain(&format!(
                    "No customer has this id, but some data of a deleted record is left: {}.",
                    keys.concat()
                )),
                0,
            );
        }
        Ok(remains)
    }

    async fn print(&self, found: &[Match]) -> anyhow::Result<()> {
        for found in found {
            self.customers(found).await?.iter().for_each(print_customer);
            print_plain(&key_line(found));
        }
        Ok(())
    }

    /// Prints who the customers are, without fields and timeline, to standard error.
    async fn print_choice(&self, found: &[Match]) -> anyhow::Result<()> {
        for found in found {
            let customers = self.customers(found).await?;
            customers.iter().flat_map(lines_about).for_each(|line| print_error(&plain(&line)));
            print_error(&plain(&key_line(found)));
        }
        Ok(())
    }

    async fn customers(&self, found: &Match) -> anyhow::Result<Vec<Value>> {
        let question = Question::Id(found.customer_id.clone());
        let answer = find(self.pool, self.brand, &question, self.rules).await?;
        Ok(serde_json::from_str(&answer.body)?)
    }
}

fn key_line(found: &Match) -> String {
    format!("  key         {}", found.key)
}
