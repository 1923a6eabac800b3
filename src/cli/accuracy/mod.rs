//! `hookpoint accuracy`

mod json;

use std::fmt::Write;
use std::time::{Duration, Instant};

use clap::Args;

use super::output::{JsonArguments, print_json, print_line};
use crate::counted::counted;
use crate::customer::identity::in_memory::InMemoryIdentity;
use crate::customer::identity::rules::IdentityRules;
use crate::demo::accuracy::{Accuracy, Forged, Parts};
use crate::demo::population::Population;
use crate::demo::population::situation::Situation;

/// Explains the terms of the report.
const WORDS: &str = "\
Terms:
  hard           people who are difficult to distinguish from another person:
                 two people of a household use one address, and a record has no
                 given name or the given names are similar or equal; a couple's
                 account and its two people; all people who are alike
  alike          people who share an address with another person, and whose
                 records do not say which of the two they belong to: they have
                 no name, or a name that fits both
  plain          all other people
  false merges   customers with records of more than one person; they count as
                 hard if these people are hard
  missed merges  if the records of a person are in N customers, N - 1
  no evidence    missed merges of customers without an address or id in common
  precision      of the pairs of records in one customer, the share that belongs
                 to one person
  recall         of the pairs of records of one person, the share that is in one
                 customer. With evidence: only the pairs that an address or id
                 connects, directly or through other records of the person
  own address    a mailbox or mobile number that only one person of a household
                 uses, in a record that is not self-asserted
  trusted        records that are not self-asserted (anybody can fill in a form)

The line of a situation counts the records in that situation. Its recall counts
the pairs with evidence that contain such a record. A couple's account is a
customer of its own. In a forged form, somebody gives the mailbox of another
person. Only the last lines count forged forms. The rules are the defaults, with
the region NL.";

#[derive(Debug, Args)]
#[command(after_help = WORDS)]
pub(super) struct AccuracyArguments {
    /// Number of people
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    people: u32,
    /// Seed of the random numbers: another seed generates another population
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) fn run(arguments: &AccuracyArguments) -> anyhow::Result<()> {
    let people = usize::try_from(arguments.people)?;
    let started = Instant::now();
    let mut population = Population::new(people, arguments.seed);
    let generated = started.elapsed();
    let rules = IdentityRules { region: "NL".parse().ok(), ..IdentityRules::default() };
    let honest = population.honest_changes();
    let resolving = Instant::now();
    let in_memory = InMemoryIdentity::take(std::mem::take(&mut population.changes), &[], &rules);
    let resolved = resolving.elapsed();
    let accuracy = Accuracy::measure(&population, &in_memory);
    let forged =
        Forged::measure(&population, &in_memory, &InMemoryIdentity::take(honest, &[], &rules));
    let measured = Measured {
        population: &population,
        seed: arguments.seed,
        accuracy: &accuracy,
        forged,
        took: [generated, resolved],
    };
    if arguments.output.json {
        return print_json(&measured.as_json());
    }
    print_line(&measured.report()?);
    Ok(())
}

/// The figures of the report.
struct Measured<'a> {
    population: &'a Population,
    seed: u64,
    accuracy: &'a Accuracy,
    forged: Forged,
    took: [Duration; 2],
}

impl Measured<'_> {
    fn report(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        self.write_head(&mut text)?;
        self.write_parts(&mut text)?;
        self.write_situations(&mut text)?;
        self.write_rules(&mut text)?;
        self.write_lookups(&mut text)?;
        write!(text, "\n{WORDS}")?;
        Ok(text)
    }

    fn write_head(&self, text: &mut String) -> std::fmt::Result {
        let (population, [generated, resolved]) =
            (self.population, self.took.map(|took| took.as_secs_f64()));
        let couples = grouped(population.people_and_couples.saturating_sub(population.people));
        writeln!(
            text,
            "{} (seed {}) and {} with an account",
            counted(grouped(population.people), "person", "people"),
            self.seed,
            counted(couples, "couple", "couples")
        )?;
        let records = counted(grouped(population.truth.len()), "record", "records");
        let customers = counted(grouped(self.accuracy.customers), "customer", "customers");
        writeln!(text, "have {records}, and form {customers}.")?;
        writeln!(text, "Generated in {generated:.1} s, resolved in {resolved:.1} s.")
    }

    fn write_parts(&self, text: &mut String) -> std::fmt::Result {
        let parts = [
            self.accuracy.overall.plain,
            self.accuracy.overall.hard,
            self.accuracy.indistinguishable,
        ];
        writeln!(text, "\n{:26}{:>14}{:>14}{:>17}", "", "plain", "hard", "alike (of hard)")?;
        let mut write = |name: &str, cells: [String; 3]| {
            let [plain, hard, alike] = cells;
            writeln!(text, "{name:26}{plain:>14}{hard:>14}{alike:>17}")
        };
        write("people and couples", parts.map(|part| grouped(part.people)))?;
        write("records", parts.map(|part| grouped(part.records)))?;
        write("false merges", parts.map(|part| grouped(part.false_merges)))?;
        write("  pairs of records", parts.map(|part| grouped(part.pairs_wrong)))?;
        write(
            "  pairs per 1,000 records",
            parts.map(|part| format!("{:.2}", part.wrong_per_1_000_records())),
        )?;
        write("missed merges", parts.map(|part| grouped(part.missed_merges)))?;
        write("  with no evidence", parts.map(|part| grouped(part.without_evidence)))?;
        write("precision", parts.map(|part| percent(part.precision())))?;
        write("recall", parts.map(|part| percent(part.recall())))?;
        write("  with evidence", parts.map(|part| percent(part.recall_of_evidence())))
    }

    fn write_situations(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n{:22}{:>9}{:>20}{:>18}{:>11}",
            "", "", "false merges", "missed merges", "recall"
        )?;
        writeln!(
            text,
            "{:22}{:>9}{:>10}{:>10}{:>9}{:>9}{:>11}",
            "situation", "records", "plain", "hard", "all", "no evid.", "of evid."
        )?;
        for (situation, name) in Situation::ALL {
            if let Some(parts) = self.accuracy.situations.get(&situation) {
                writeln!(text, "{}", line(name, parts))?;
            }
        }
        Ok(())
    }

    fn write_rules(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\n{:44}{:>12}{:>12}", "pairs of records linked by", "right", "wrong")?;
        for (level, joined) in &self.accuracy.joined {
            writeln!(
                text,
                "{:44}{:>12}{:>12}",
                level.as_str(),
                grouped(joined.right),
                grouped(joined.wrong)
            )?;
        }
        writeln!(
            text,
            "\n{:44}{:>12}{:>16}",
            "kept apart, for review", "reviews", "of one person"
        )?;
        for ((level, conflict), apart) in &self.accuracy.kept_apart {
            let name = format!("{}: {conflict}", level.as_str());
            writeln!(
                text,
                "{name:44}{:>12}{:>16}",
                grouped(apart.reviews),
                grouped(apart.of_one_person)
            )?;
        }
        Ok(())
    }

    fn write_lookups(&self, text: &mut String) -> std::fmt::Result {
        let (lookups, forged) = (self.accuracy.lookups, self.forged);
        let several = percent_up(lookups.share_of_several());
        let counted = |count| counted(grouped(count), "address", "addresses");
        writeln!(text, "\nPeople have {} of their own.", counted(lookups.addresses))?;
        writeln!(text, "Several customers: {} ({several}).", counted(lookups.several))?;
        writeln!(text, "Nobody: {}.", counted(lookups.none))?;
        writeln!(
            text,
            "\nForged forms: {}. Linked to the victim's records: {}.",
            grouped(forged.forms),
            grouped(forged.with_the_victim)
        )?;
        writeln!(text, "Customers of trusted records that changed: {}.", grouped(forged.changed))
    }
}

fn line(name: &str, parts: &Parts) -> String {
    let all = parts.all();
    format!(
        "{name:22}{:>9}{:>10}{:>10}{:>9}{:>9}{:>11}",
        grouped(all.records),
        grouped(parts.plain.false_merges),
        grouped(parts.hard.false_merges),
        grouped(all.missed_merges),
        grouped(all.without_evidence),
        percent(all.recall_of_evidence())
    )
}

/// Rounds down, so that less than everything never shows as 100%.
fn percent(share: f64) -> String {
    let places = if share < 0.999 { 1 } else { 3 };
    let scale = 10_f64.powi(places);
    format!("{:.*}%", usize::try_from(places).unwrap_or(1), (share * 100.0 * scale).floor() / scale)
}

/// Rounds up, so that the share of failures never looks smaller than it is.
fn percent_up(share: f64) -> String {
    format!("{:.2}%", (share * 10_000.0).ceil() / 100.0)
}

/// Groups digits: `12,345`.
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
        assert_eq!([0.0, 0.004_321].map(percent_up), ["0.00%", "0.44%"]);
        assert_eq!([0.72345, 1.0, 0.999_999].map(percent), ["72.3%", "100.000%", "99.999%"]);
    }

    #[test]
    fn every_line_of_the_report_fits_a_terminal() {
        let population = Population::new(200, 1);
        let in_memory =
            InMemoryIdentity::take(population.changes.clone(), &[], &IdentityRules::default());
        let accuracy = Accuracy::measure(&population, &in_memory);
        let forged = Forged::measure(&population, &in_memory, &in_memory);
        let text = Measured {
            population: &population,
            seed: 1,
            accuracy: &accuracy,
            forged,
            took: [Duration::ZERO; 2],
        }
        .report()
        .unwrap();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line),
            "{text}"
        );
    }
}
