//! Reads the files of this repository.

use std::collections::BTreeSet;
use std::path::PathBuf;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory, as its path from the repository's root, with its text.
pub fn files(below: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(below)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|known| extension == *known))
            {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{below}");
    found
}

/// Rust without comments and without its own tests, which stand last.
pub fn bare(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

pub fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Rust without comments and without the content of strings.
pub fn code_of(text: &str) -> String {
    parts_of(text)
        .into_iter()
        .map(|part| match part {
            SourceText::Code(code) => code,
            SourceText::RawString(_) => " r ".to_owned(),
            SourceText::String(_) | SourceText::Comment => " ".to_owned(),
        })
        .collect()
}

/// The content of all strings of Rust, without those of its own tests.
pub fn strings_of(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let strings = parts_of(text).into_iter().filter_map(|part| match part {
        SourceText::String(content) => Some(content.replace("\\\n", "\n")),
        SourceText::RawString(content) => Some(content),
        SourceText::Code(_) | SourceText::Comment => None,
    });
    strings.collect()
}

/// A part of a file of Rust.
enum SourceText {
    Code(String),
    String(String),
    RawString(String),
    Comment,
}

fn parts_of(text: &str) -> Vec<SourceText> {
    let mut parts = Vec::new();
    let text = text.replace("'\"'", "' '");
    let mut rest = text.as_str();
    while let Some(at) =
        ["//", "/*", "r#\"", "\""].iter().filter_map(|start| rest.find(start)).min()
    {
        let (before, from) = rest.split_at(at);
        parts.push(SourceText::Code(before.to_owned()));
        let (part, length) = if from.starts_with("//") {
            (SourceText::Comment, from.find('\n').unwrap_or(from.len()))
        } else if from.starts_with("/*") {
            (SourceText::Comment, from.find("*/").map_or(from.len(), |end| end + 2))
        } else if from.starts_with("r#") {
            let content = from[3..].split("\"#").next().unwrap();
            (SourceText::RawString(content.to_owned()), from.len().min(content.len() + 5))
        } else {
            let length = end_of_string(from);
            let content = &from[1..length];
            let content = content.strip_suffix('"').unwrap_or(content);
            (SourceText::String(content.to_owned()), length)
        };
        parts.push(part);
        rest = &from[length..];
    }
    parts.push(SourceText::Code(rest.to_owned()));
    parts
}

/// The length of a string literal, with its quotes.
fn end_of_string(from: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in from.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    from.len()
}

#[test]
fn code_is_told_from_comments_and_text() {
    let text = "let a = \"b \\\" c\"; // d\nlet e = '\"'; let f = r#\"g\"#; /* h */ let i = \"\";";
    assert_eq!(words(&code_of(text)), ["a", "e", "f", "i", "let", "r"].map(str::to_owned).into());
    assert_eq!(strings_of(text), ["b \\\" c", "g", ""]);
}
