//! Finds mistakes in a template before it is used.

use std::collections::BTreeSet;

use minijinja::{Environment, ErrorKind};

use super::template_facts::{AGENT_PAGE, ROOTS};
use crate::customer::model::near_name::{did_you_mean, near_name};

/// Names of filters, for suggestions: those of this service, and the usual ones of the engine.
const FILTERS: [&str; 31] = [
    "date",
    "datetime",
    "time",
    "money",
    "number",
    "word",
    "urlencode",
    "default",
    "lower",
    "upper",
    "title",
    "capitalize",
    "replace",
    "length",
    "reverse",
    "trim",
    "join",
    "split",
    "round",
    "abs",
    "int",
    "float",
    "first",
    "last",
    "min",
    "max",
    "sort",
    "list",
    "string",
    "unique",
    "tojson",
];

/// Names of tests, for suggestions.
const TESTS: [&str; 14] = [
    "defined",
    "undefined",
    "none",
    "number",
    "integer",
    "string",
    "true",
    "false",
    "odd",
    "even",
    "in",
    "startingwith",
    "endingwith",
    "mapping",
];

/// Statements that need other templates. There are none.
const OF_SEVERAL_TEMPLATES: [&str; 4] = ["include", "extends", "import", "from"];

/// Describes the mistakes in a compiled template.
pub(super) fn mistakes(
    environment: &Environment<'_>,
    name: &str,
    source: &str,
    has_event: bool,
) -> Vec<String> {
    let of_others = if has_event { AGENT_PAGE } else { "event" };
    let roots: Vec<&str> = ROOTS.into_iter().filter(|root| *root != of_others).collect();
    let Ok(template) = environment.get_template(name) else { return Vec::new() };
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let unknown = used.iter().filter(|name| !roots.contains(&name.as_str())).map(|unknown| {
        let near = near_name(unknown, roots.iter().copied());
        let possible = format!("this template can use {}", roots.join(", "));
        format!("there is no `{unknown}` here{}", did_you_mean(near, &possible))
    });
    let fails = |expression: String, kind: ErrorKind| {
        let evaluated = environment
            .compile_expression_owned(expression)
            .and_then(|expression| expression.eval(()));
        evaluated.is_err_and(|error| error.kind() == kind)
    };
    let (filters, tests) = filters_and_tests(source);
    let filters = filters
        .iter()
        .filter(|filter| fails(format!("''|{filter}"), ErrorKind::UnknownFilter))
        .map(|name| format!("there is no filter `{name}`{}", suggestion(name, &FILTERS)));
    let tests = tests
        .iter()
        .filter(|test| fails(format!("'' is {test}"), ErrorKind::UnknownTest))
        .map(|name| format!("there is no test `{name}`{}", suggestion(name, &TESTS)));
    let others = statements(source)
        .filter(|statement| OF_SEVERAL_TEMPLATES.contains(statement))
        .map(|name| format!("`{{% {name} %}}` cannot be used: a template cannot use another one"));
    unknown.chain(filters).chain(tests).chain(others).collect()
}

fn suggestion(name: &str, names: &[&str]) -> String {
    did_you_mean(near_name(name, names.iter().copied()), "")
}

/// The insides of the tags of a template, without its comments.
pub(super) fn tags(source: &str) -> impl Iterator<Item = &str> {
    let inside = |open: &'static str, close: &'static str| {
        source.split(open).skip(1).filter_map(move |rest| Some(rest.split_once(close)?.0))
    };
    inside("{{", "}}").chain(inside("{%", "%}"))
}

/// The names of the statements of a template, in order.
pub(super) fn statements(source: &str) -> impl Iterator<Item = &str> {
    let inside = source.split("{%").skip(1).filter_map(|rest| Some(rest.split_once("%}")?.0));
    inside.filter_map(|tag| tag.trim_start_matches(['-', '+']).split_whitespace().next())
}

/// The names after `|` and `is` in a template's tags. The engine checks a name only when it reaches it, so a mistake in
/// a branch that is not taken would stay unnoticed.
fn filters_and_tests(source: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut filters, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for tag in tags(source) {
        let words = words(&without_strings(tag));
        for (n, word) in words.iter().enumerate() {
            let next = |by: usize| {
                words
                    .get(n.saturating_add(by))
                    .filter(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_'))
                    .cloned()
            };
            match word.as_str() {
                "|" => filters.extend(next(1)),
                "is" if next(1).as_deref() == Some("not") => tests.extend(next(2)),
                "is" => tests.extend(next(1)),
                _ => {}
            }
        }
    }
    (filters, tests)
}

fn without_strings(tag: &str) -> String {
    let mut quote = None;
    let mut out = String::with_capacity(tag.len());
    let mut escaped = false;
    for c in tag.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                out.push_str(" 0 ");
            }
            None => out.push(c),
        }
    }
    out
}

/// Splits text into names and single signs.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.chars() {
        let part = c.is_alphanumeric() || c == '_';
        match words.last_mut() {
            Some(word) if part && in_word => word.push(c),
            _ if c.is_whitespace() => {}
            _ => words.push(c.to_string()),
        }
        in_word = part;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Vec<String> {
        let mut environment = Environment::new();
        environment.add_template("t", source).unwrap();
        mistakes(&environment, "t", source, false)
    }

    #[test]
    fn a_mistake_in_a_branch_that_is_not_taken_is_found() {
        for (source, part) in [
            ("{% if omneo.tier %}{{ omneo.tier | shout }}{% endif %}", "filter `shout`"),
            ("{% if omneo.tier is gold %}x{% endif %}", "test `gold`"),
            ("{% if omneo.tier is not gold %}x{% endif %}", "test `gold`"),
            ("{{ omneoo.tier }}", "`omneoo`"),
            ("{{ event.total }}", "`event`"),
        ] {
            assert!(of(source).iter().any(|mistake| mistake.contains(part)), "{source}");
        }
        for right in [
            "{{ omneo.tier | replace('a|b is c', \"d\") | upper }}",
            "a | shout is b",
            "{% if omneo.tier is defined %}x{% endif %}",
        ] {
            assert_eq!(of(right), Vec::<String>::new(), "{right}");
        }
    }
}
