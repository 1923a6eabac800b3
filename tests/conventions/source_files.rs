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
    let mut code = String::new();
    let mut rest = text.replace("'\"'", "' '");
    while let Some(at) =
        ["//", "/*", "r#\"", "\""].iter().filter_map(|start| rest.find(start)).min()
    {
        let (before, from) = rest.split_at(at);
        code.push_str(before);
        code.push(' ');
        let length = if from.starts_with("//") {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with("/*") {
            from.find("*/").map_or(from.len(), |end| end + 2)
        } else if from.starts_with("r#") {
            code.push_str("r ");
            from[3..].find("\"#").map_or(from.len(), |end| end + 5)
        } else {
            end_of_string(from)
        };
        rest = from[length..].to_owned();
    }
    code + &rest
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
}
