//! The findings, as text or JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::exit::Failure;
use crate::cli::output::{plain, plain_json, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::doctor::finding::{Counts, Finding, Verdict};

/// The width of verdict and id, before the question.
const INDENT: usize = 30;

/// From this number on, checks that were skipped for one reason are printed together.
const MANY: usize = 3;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Scheme, host and port of the hookpoint; `None` for this service.
    target: Option<String>,
    findings: Vec<Finding>,
    #[serde(flatten)]
    counts: Counts,
    /// How many requests the hookpoint got; `None` for this service.
    requests: Option<usize>,
}

impl Report {
    /// About this service.
    pub(super) fn of_service(findings: Vec<Finding>) -> Self {
        Self { target: None, counts: Counts::of(&findings), findings, requests: None }
    }

    /// About any hookpoint.
    pub(super) fn of_hookpoint(origin: String, findings: Vec<Finding>, requests: usize) -> Self {
        let target = Some(origin);
        Self { target, counts: Counts::of(&findings), findings, requests: Some(requests) }
    }

    /// Prints the findings. Fails if a check failed.
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            print_line(&plain_json(&serde_json::to_string_pretty(self)?));
        } else {
            self.target.iter().for_each(|target| print_line(&format!("{}\n", plain(target))));
            self.print_findings();
            print_line(&format!("\n{}", self.summary()));
        }
        match self.counts.failed {
            0 => Ok(()),
            failed => {
                let checks = counted(failed, "check", "checks");
                Err(Failure::problem(format!("{checks} failed")).into())
            }
        }
    }

    /// Prints the findings. A reason for which many checks were skipped is printed once, at the end.
    fn print_findings(&self) {
        let mut skipped: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.verdict == Verdict::Skipped) {
            skipped.entry(&finding.seen).or_default().push(finding);
        }
        skipped.retain(|_, findings| findings.len() >= MANY);
        let is_in_group = |finding: &&Finding| {
            finding.verdict == Verdict::Skipped && skipped.contains_key(finding.seen.as_ref())
        };
        self.findings.iter().filter(|finding| !is_in_group(finding)).for_each(print_finding);
        for (reason, findings) in skipped {
            print_beside(&format!("skip  {} checks", findings.len()), &plain(reason));
            let names: Vec<String> = findings.into_iter().map(name).collect();
            print_beside("      of:", &plain(&names.join(", ")));
        }
    }

    fn summary(&self) -> String {
        let Counts { passed, warnings, failed, skipped } = self.counts;
        let warnings = counted(warnings, "warning", "warnings");
        let requests =
            self.requests.map(|requests| format!("; {}", counted(requests, "request", "requests")));
        format!(
            "{passed} passed, {warnings}, {failed} failed, {skipped} skipped{}",
            requests.unwrap_or_default()
        )
    }
}

/// The name of a check, with the part that was checked.
fn name(finding: &Finding) -> String {
    let subject = finding.subject.iter().map(|subject| format!(" ({subject})"));
    format!("{}{}", finding.id, subject.collect::<String>())
}

fn print_finding(finding: &Finding) {
    print_beside(&format!("{}  {}", finding.verdict.as_str(), finding.id), finding.question);
    finding.subject.iter().for_each(|subject| print_beside("      of:", &plain(subject)));
    if finding.verdict != Verdict::Pass {
        print_beside("      seen:", &plain(&finding.seen));
    }
    finding.remedy.iter().for_each(|remedy| print_beside("      do:", remedy));
}

/// Prints a text in the right column, beside or below the left one.
fn print_beside(left: &str, text: &str) {
    let is_below = left.chars().count() >= INDENT;
    if is_below {
        print_line(left);
    }
    let left = if is_below { "" } else { left };
    print_wrapped(&format!("{left:<INDENT$}{text}"), INDENT);
}
