//! The documents name commands, options, files and headings that exist.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Command, CommandFactory};
use hookpoint::cli::Cli;

use crate::source_files::{files, root};

/// The documents that people read: each path from the repository's root, with the text.
fn documents() -> Vec<(String, String)> {
    let others = ["README.md", ".github/SECURITY.md", "src/README.md", "benches/README.md"];
    let mut all = files("deploy", &["md"]);
    all.extend(
        others.map(|name| (name.to_owned(), std::fs::read_to_string(root().join(name)).unwrap())),
    );
    all
}

/// The commands in a document: at the beginning of a line, and in code spans, which may contain a line break.
fn commands_in(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("$ "));
    let joined = text.replace('\n', " ");
    let spans = joined.split('`').skip(1).step_by(2);
    let all = lines.chain(spans).filter(|command| command.starts_with("hookpoint "));
    all.map(str::to_owned).collect()
}

/// The first word of a command that does not exist.
fn unknown_word<'c>(program: &Command, command: &'c str) -> Option<&'c str> {
    let (mut known, mut is_value) = (program, false);
    for word in command.split_whitespace().skip(1) {
        if ["|", ">", "&&", "#"].contains(&word) {
            break;
        }
        let word = word.trim_matches(|c: char| ",.;:'\"[]()".contains(c));
        if let Some(option) = word.strip_prefix("--") {
            let option = option.split('=').next();
            if !known.get_arguments().any(|argument| argument.get_long() == option) {
                return Some(word);
            }
            is_value = true;
        } else if let Some(command) = known.find_subcommand(word) {
            (known, is_value) = (command, false);
        } else if known.is_subcommand_required_set() && !is_value && !word.starts_with('<') {
            return Some(word);
        } else {
            is_value = false;
        }
    }
    None
}

#[test]
fn every_command_in_the_documents_exists() {
    let mut program = Cli::command();
    program.build();
    assert_eq!(unknown_word(&program, "hookpoint --settings x key create --labl"), Some("--labl"));
    assert_eq!(unknown_word(&program, "hookpoint inbox verfy"), Some("verfy"));
    let mut found = 0;
    for (file, text) in documents() {
        for command in commands_in(&text) {
            assert_eq!(unknown_word(&program, &command), None, "{file}: {command}");
            found += 1;
        }
    }
    assert!(found > 100, "the commands are found: {found}");
}

/// The names of a document's headings, as links use them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading.chars().filter(|c| c.is_alphanumeric() || ['-', '_'].contains(c)).collect()
        })
        .collect()
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut found = 0;
    for (file, text) in documents() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let document = root().join(&file);
            let target = match path {
                "" => document,
                path => document.parent().unwrap_or(Path::new("")).join(path),
            };
            assert!(target.exists(), "{file}: {link}");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(target).unwrap();
                assert!(headings(&text).contains(heading), "{file}: {link}");
            }
            found += 1;
        }
    }
    assert!(found > 50, "the links are found: {found}");
}
