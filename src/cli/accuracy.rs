//! `hookpoint accuracy`

use std::fmt::Write;
use std::time::{Duration, Instant};

use clap::Args;

use super::say;
use crate::customer::census::Census;
use crate::customer::rules::IdentityRules;
use crate::demo::accuracy::{Accuracy, Figures};
use crate::demo::population::Population;
use crate::demo::population::situation::Situation;

/// What the words of the report mean.
const WORDS: &str = "\
What the figures mean:
  false merges   customers that hold records of more than one person
  missed merges  pieces beyond the first that one person's records fall into
  no evidence    missed merges of pieces without an address or id in common
  precision      of the pairs of records in one customer, how many are of one
                 person
  recall         of the pairs of records of one person, how many are in one
                 customer; with evidence: of those with an address or id in
                 common, over other records of the person too
  alike          people who share an address with somebody from whom their
                 records don't tell them apart, on a line of their own: no
                 name was written, or one that fits both

A line about a situation counts the people and records in it, and the pairs that
such a record is part of. The rules are the defaults, in the region NL.";

#[derive(Debug, Args)]
#[command(after_help = WORDS)]
pub(super) struct AccuracyArguments {
    /// How many people
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    people: u32,
    /// Another population
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
}

pub(super) fn run(arguments: &AccuracyArguments) -> anyhow::Result<()> {
    let people = usize::try_from(arguments.people)?;
    let started = Instant::now();
    let mut population = Population::new(people, arguments.seed);
    let generated = started.elapsed();
    let rules = IdentityRules { region: "NL".parse().ok(), ..IdentityRules::default() };
    let changes = std::mem::take(&mut population.changes);
    let census = Census::take(changes, &[], &rules);
    let resolved = started.elapsed().saturating_sub(generated);
    let accuracy = Accuracy::measure(&population, census.customers());
    say(&report(&population, arguments.seed, &accuracy, [generated, resolved])?);
    Ok(())
}

fn report(population: &Population, seed: u64, accuracy: &Accuracy, [generated, resolved]: [Duration; 2]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let all = &accuracy.told_apart;
    writeln!(
        text,
        "{} people (seed {seed}) have {} records, which are {} customers.\nGenerated in {:.1} s, resolved in {:.1} s.\n",
        grouped(population.people),
        grouped(population.truth.len()),
        grouped(accuracy.customers),
        generated.as_secs_f64(),
        resolved.as_secs_f64()
    )?;
    writeln!(text, "Of the {} people ({} records) whom their records tell apart from all others:\n", grouped(all.people), grouped(all.records))?;
    writeln!(text, "{:24}{:>10}{:>22}", "", "count", "per 100,000 records")?;
    for (name, count) in [("false merges", all.false_merges), ("missed merges", all.missed_merges), ("  of them no evidence", all.without_evidence)] {
        writeln!(text, "{name:24}{:>10}{:>22}", grouped(count), rate(all.per_100_000_records(count)))?;
    }
    let [precision, recall, of_evidence] = [all.precision(), all.recall(), accuracy.recall_of_evidence()].map(percent);
    writeln!(text, "\nPrecision {precision}, recall {recall}; {of_evidence} where there is evidence.\n")?;
    writeln!(text, "{}", heading("situation"))?;
    for (situation, name) in Situation::ALL {
        if let Some(figures) = accuracy.situations.get(&situation) {
            writeln!(text, "{}", line(name, figures))?;
        }
    }
    writeln!(text, "\nNot among them, because their records don't tell them apart from somebody:\n\n{}", heading(""))?;
    writeln!(text, "{}", line("alike", &accuracy.indistinguishable))?;
    write!(text, "\n{WORDS}")?;
    Ok(text)
}

fn heading(first: &str) -> String {
    format!("{first:22}{:>9}{:>10}{:>8}{:>9}{:>9}{:>9}", "people", "records", "false", "missed", "no evid.", "recall")
}

fn line(name: &str, figures: &Figures) -> String {
    format!(
        "{name:22}{:>9}{:>10}{:>8}{:>9}{:>9}{:>9}",
        grouped(figures.people),
        grouped(figures.records),
        grouped(figures.false_merges),
        grouped(figures.missed_merges),
        grouped(figures.without_evidence),
        percent(figures.recall())
    )
}

/// Down, so that nothing is called whole that isn't.
fn percent(share: f64) -> String {
    let places = if share < 0.999 { 1 } else { 3 };
    let scale = 10_f64.powi(places);
    format!("{:.*}%", usize::try_from(places).unwrap_or(1), (share * 100.0 * scale).floor() / scale)
}

/// `12,345.6`
fn rate(per: f64) -> String {
    let text = format!("{per:.1}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, "0"));
    format!("{}.{rest}", grouped(whole.parse().unwrap_or_default()))
}

/// `12,345`
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 12_345.67].map(rate), ["0.0", "12,345.7"]);
        assert_eq!([0.72345, 1.0, 0.999_999].map(percent), ["72.3%", "100.000%", "99.999%"]);
    }

    #[test]
    fn every_line_of_the_report_fits_a_terminal() {
        let population = Population::new(200, 1);
        let census = Census::take(population.changes.clone(), &[], &IdentityRules::default());
        let text = report(&population, 1, &Accuracy::measure(&population, census.customers()), [Duration::ZERO; 2]).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{text}");
    }
}
