//! Finds mistakes in a template before it is used.

use minijinja::{Environment, ErrorKind};

use super::template_facts::ROOTS;

/// Describes the mistake in a compiled template, if there is one.
pub(crate) fn mistake(
    environment: &Environment<'_>,
    name: &str,
    source: &str,
    has_event: bool,
) -> Option<String> {
    let roots: Vec<&str> = ROOTS.into_iter().filter(|root| has_event || *root != "event").collect();
    let used = environment.get_template(name).ok()?.undeclared_variables(false);
    if let Some(unknown) = used.iter().find(|name| !roots.contains(&name.as_str())) {
        return Some(format!(
            "there is no `{unknown}` here; this template can use {}",
            roots.join(", ")
        ));
    }
    let (filters, tests) = filters_and_tests(source);
    let fails = |expression: String, kind: ErrorKind| {
        let evaluated = environment
            .compile_expression_owned(expression)
            .and_then(|expression| expression.eval(()));
        evaluated.is_err_and(|error| error.kind() == kind)
    };
    let filter =
        filters.into_iter().find(|filter| fails(format!("''|{filter}"), ErrorKind::UnknownFilter));
    let test =
        tests.into_iter().find(|test| fails(format!("'' is {test}"), ErrorKind::UnknownTest));
    filter
        .map(|filter| format!("there is no filter `{filter}`"))
        .or_else(|| test.map(|test| format!("there is no test `{test}`")))
}

/// The names after `|` and `is` in a template's tags. The engine checks a name only when it reaches it, so a mistake in
/// a branch that is not taken would stay unnoticed.
fn filters_and_tests(source: &str) -> (Vec<String>, Vec<String>) {
    let (mut filters, mut tests) = (Vec::new(), Vec::new());
    let tags = source.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    let tags = tags.chain(source.split("{%").skip(1).filter_map(|rest| rest.split("%}").next()));
    for tag in tags {
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

    fn of(source: &str) -> Option<String> {
        let mut environment = Environment::new();
        environment.add_template("t", source).unwrap();
        mistake(&environment, "t", source, false)
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
            assert!(of(source).is_some_and(|mistake| mistake.contains(part)), "{source}");
        }
        for right in [
            "{{ omneo.tier | replace('a|b is c', \"d\") | upper }}",
            "a | shout is b",
            "{% if omneo.tier is defined %}x{% endif %}",
        ] {
            assert_eq!(of(right), None, "{right}");
        }
    }
}
