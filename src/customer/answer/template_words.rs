//! Plain words for the errors of the template engine.

use super::template_check::{statements, tags};
use crate::customer::model::near_name::{did_you_mean, near_name};

/// The statements that templates can use, each with the one that ends it.
const STATEMENTS: [(&str, &str); 8] = [
    ("if", "endif"),
    ("for", "endfor"),
    ("set", "endset"),
    ("with", "endwith"),
    ("filter", "endfilter"),
    ("macro", "endmacro"),
    ("block", "endblock"),
    ("raw", "endraw"),
];

/// What is wrong with a template that does not compile.
pub(super) fn in_words(error: &minijinja::Error, source: &str) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let words = words(&detail, source);
    match error.line() {
        Some(line) if source.trim_end().contains('\n') => {
            format!("{words} (line {line} of the template)")
        }
        _ => words,
    }
}

fn words(detail: &str, source: &str) -> String {
    let (given, expected) = detail.split_once(", expected ").unwrap_or((detail, ""));
    if let Some(name) = given.strip_prefix("unknown statement ") {
        return unknown_statement(name);
    }
    match (given, expected) {
        ("unexpected end of input" | "unexpected `}`", "end of variable block") => {
            "`}}` is missing".to_owned()
        }
        ("unexpected `=`", "end of variable block" | "end of block") => {
            "`=` compares nothing; write `==`".to_owned()
        }
        (_, "end of variable block") => {
            "`}}` is missing, or `|` before a filter, or `~` between two values".to_owned()
        }
        ("unexpected end of input", "end of block") => missing_end(source),
        (_, "end of block") => "`%}` is missing".to_owned(),
        ("unexpected end of block", "in") => {
            "`in` is missing; write {% for item in list %}".to_owned()
        }
        ("unexpected end of variable block", _) => "a value is missing before `}}`".to_owned(),
        ("unexpected end of block", _) => "a value is missing before `%}`".to_owned(),
        ("unexpected end of string", _) => "the closing quote of a text is missing".to_owned(),
        ("unexpected end of comment", _) => "`#}` is missing".to_owned(),
        ("unexpected end of raw block", _) => "`{% endraw %}` is missing".to_owned(),
        ("unexpected `}`", ":") | ("unexpected `}`", "`:`") => {
            "a value is written with two braces, as in {{ value }}".to_owned()
        }
        ("unexpected `}`", "`)`" | "`,`") => "`)` is missing".to_owned(),
        ("unexpected `}`", _) => "a value or a closing bracket is missing before `}}`".to_owned(),
        ("unexpected character", _) => {
            "a character has no meaning in a template; conditions use `and`, `or` and `not`"
                .to_owned()
        }
        _ => format!("is not a valid template: {detail}"),
    }
}

fn unknown_statement(name: &str) -> String {
    let of_end = STATEMENTS.iter().find(|(_, end)| *end == name);
    if let Some((begin, end)) = of_end {
        return format!(
            "`{{% {end} %}}` ends nothing here: `{{% {begin} %}}` is missing before it"
        );
    }
    if ["else", "elif"].contains(&name) {
        return format!("`{{% {name} %}}` is outside of `{{% if %}}`");
    }
    let names = STATEMENTS.iter().flat_map(|(begin, end)| [*begin, *end]).chain(["else", "elif"]);
    format!("there is no statement `{name}`{}", did_you_mean(near_name(name, names), ""))
}

/// The end of the innermost statement that has none.
fn missing_end(source: &str) -> String {
    if tags(source).count()
        < source.matches("{{").count().saturating_add(source.matches("{%").count())
        && source.rfind("{%") > source.rfind("%}")
    {
        return "`%}` is missing".to_owned();
    }
    let mut open: Vec<&str> = Vec::new();
    for statement in statements(source) {
        if let Some((_, end)) = STATEMENTS.iter().find(|(begin, _)| *begin == statement) {
            open.push(end);
        } else if open.last() == Some(&statement) {
            open.pop();
        }
    }
    match open.last() {
        Some(&"endset") => "a value is missing; write {% set name = value %}".to_owned(),
        Some(end) => format!("`{{% {end} %}}` is missing"),
        None => "`%}` is missing".to_owned(),
    }
}
