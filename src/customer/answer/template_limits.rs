//! Keeps a template from using much memory. The engine counts steps, but one step can double a text. So a template cannot
//! compute with a text that it has computed before, and `*`, filters, `range` and the result have limits.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::filters::check_finite;
use minijinja::machinery::{Token, WhitespaceConfig, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Object, Rest};
use minijinja::{Environment, Error, ErrorKind, Output, State, Template, Value};

/// The most bytes of a template.
pub(super) const MAX_TEMPLATE_BYTES: usize = 4_096;

/// The most bytes of a text that a template makes: in one filter, in all its tags together, and as its result.
const MAX_TEXT_BYTES: usize = 16_384;

/// The largest number by which a template can multiply, because a text can be multiplied, too.
const MAX_FACTOR: u64 = 1_000;

/// The same, for a number with a decimal point.
const MAX_FACTOR_OF_FLOATS: f64 = 1_000.0;

/// The most items of `range`, and of a list.
const MAX_RANGE: isize = 1_000;

/// The statements that a template can use.
const STATEMENTS: [&str; 12] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "filter",
    "endfilter",
    "raw",
    "endraw",
];

/// Words that are no values.
const KEYWORDS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];

/// Filters and functions that make large values from small ones.
const REMOVED_FILTERS: [&str; 7] = ["batch", "chain", "format", "indent", "pprint", "slice", "zip"];
const REMOVED_FUNCTIONS: [&str; 3] = ["debug", "dict", "namespace"];

/// Describes what a template may not do.
pub(super) fn mistakes(source: &str) -> Vec<String> {
    if source.len() > MAX_TEMPLATE_BYTES {
        return vec![format!("is longer than {MAX_TEMPLATE_BYTES} bytes")];
    }
    let tokens = tokenize(source, false, SyntaxConfig, WhitespaceConfig::default());
    // The compiler reports what is no token.
    let tokens: Vec<Token<'_>> = tokens.map_while(Result::ok).map(|(token, _)| token).collect();
    let ends = |token: &Token<'_>| matches!(token, Token::BlockEnd | Token::VariableEnd);
    let mut found: Vec<String> = tokens.split(ends).flat_map(mistakes_in_tag).collect();
    found.dedup();
    found
}

fn mistakes_in_tag(tokens: &[Token<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let start = |token: &Token<'_>| matches!(token, Token::BlockStart | Token::VariableStart);
    let Some(start) = tokens.iter().position(start) else { return found };
    let inside = tokens.get(start.saturating_add(1)..).unwrap_or_default();
    if let (Some(Token::BlockStart), Some(Token::Ident(name))) = (tokens.get(start), inside.first())
    {
        if !STATEMENTS.contains(name) {
            found.push(format!("`{{% {name} %}}` cannot be used here"));
        }
        let computes = matches!(*name, "set" | "for") && has_computation(inside);
        if computes {
            found.push(format!(
                "`{{% {name} %}}` takes a value as it is, or with filters; to compute a text, write it between `{{% set name %}}` and `{{% endset %}}`"
            ));
        }
    }
    let lists = positions(inside, |token| matches!(token, Token::BracketOpen | Token::BraceOpen));
    let factors: Vec<usize> = positions(inside, |token| matches!(token, Token::Mul));
    let joins = inside.iter().any(|token| matches!(token, Token::Tilde | Token::Plus));
    if (lists.len() > 1 && joins)
        || (lists.iter().any(|at| is_list(inside, *at)) && !factors.is_empty())
    {
        found.push("a list cannot be multiplied, and several lists cannot be joined".to_owned());
    }
    if factors.len() > 1 || factors.iter().any(|at| !has_small_factor(inside, *at)) {
        found.push(format!(
            "`*` needs a number up to {MAX_FACTOR} on one side, and can be used once in each tag"
        ));
    }
    found
}

fn positions(tokens: &[Token<'_>], wanted: impl Fn(&Token<'_>) -> bool) -> Vec<usize> {
    tokens.iter().enumerate().filter(|(_, token)| wanted(token)).map(|(at, _)| at).collect()
}

/// Whether a bracket begins a list. After a value, it selects a part of it.
fn is_list(inside: &[Token<'_>], at: usize) -> bool {
    match at.checked_sub(1).and_then(|before| inside.get(before)) {
        Some(Token::Ident(name)) => KEYWORDS.contains(name),
        before => !matches!(before, Some(Token::BracketClose | Token::ParenClose)),
    }
}

/// Whether a tag joins texts, makes a list, or calls itself again.
fn has_computation(inside: &[Token<'_>]) -> bool {
    inside.iter().enumerate().any(|(at, token)| match token {
        Token::Tilde | Token::Plus | Token::Mul | Token::Pow | Token::BraceOpen => true,
        Token::BracketOpen => is_list(inside, at),
        Token::Ident(name) => *name == "recursive",
        _ => false,
    })
}

/// Whether one side of a `*` is a small number, or the left side is converted into a number.
fn has_small_factor(inside: &[Token<'_>], at: usize) -> bool {
    let is_small = |token: Option<&Token<'_>>| match token {
        Some(Token::Int(number)) => *number <= MAX_FACTOR,
        Some(Token::Float(number)) => *number <= MAX_FACTOR_OF_FLOATS,
        _ => false,
    };
    let before = |by: usize| at.checked_sub(by).and_then(|before| inside.get(before));
    let is_number = matches!(before(1), Some(Token::Ident("float" | "int")))
        && matches!(before(2), Some(Token::Pipe));
    is_number || is_small(before(1)) || is_small(inside.get(at.saturating_add(1)))
}

/// Limits what templates can do while they are rendered.
pub(super) fn limit(environment: &mut Environment<'_>) {
    environment.set_formatter(print);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("tojson", to_json);
    environment.add_filter("map", map);
    environment.add_filter("list", list);
    environment.add_filter("split", split);
    environment.add_filter("string", string);
    environment.add_function("range", range);
    REMOVED_FILTERS.iter().for_each(|name| environment.remove_filter(name));
    REMOVED_FUNCTIONS.iter().for_each(|name| environment.remove_global(name));
}

/// Renders a template, as long as the result is not too large.
pub(super) fn render(template: &Template<'_, '_>, context: &Value) -> Result<String, Error> {
    let mut result = Bounded::new(0);
    template.render_captured_to(context, &mut result)?;
    Ok(result.text())
}

fn too_large() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the text is too large")
}

/// A text that grows only to a limit.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Bounded {
    /// An empty text, after so many bytes that count, too.
    fn new(before: usize) -> Self {
        Self { bytes: Vec::new(), left: MAX_TEXT_BYTES.saturating_sub(before) }
    }

    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        self.left = self.left.checked_sub(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes()).ok_or(fmt::Error)
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes a template has printed so far, also into `{% set %}` and `{% filter %}`.
#[derive(Debug, Default)]
struct Printed(AtomicUsize);

impl Object for Printed {}

/// Prints a value.
fn print(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    check_finite(value)?;
    let printed = state.get_or_set_temp_object("printed", Printed::default);
    if let Some(text) = value.as_str() {
        let before = printed.0.fetch_add(text.len(), Ordering::Relaxed);
        if before.saturating_add(text.len()) > MAX_TEXT_BYTES {
            return Err(too_large());
        }
        return Ok(out.write_str(text)?);
    }
    let mut text = Bounded::new(printed.0.load(Ordering::Relaxed));
    write!(text, "{value}").map_err(|_| too_large())?;
    printed.0.fetch_add(text.bytes.len(), Ordering::Relaxed);
    Ok(out.write_str(&text.text())?)
}

fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    let (text, from, to) = (value.to_string(), from.to_string(), to.to_string());
    let mut replaced = Bounded::new(0);
    let mut parts = text.split(&from);
    let first = parts.next().and_then(|first| replaced.add(first.as_bytes()));
    first.ok_or_else(too_large)?;
    for part in parts {
        let added = replaced.add(to.as_bytes()).and_then(|()| replaced.add(part.as_bytes()));
        added.ok_or_else(too_large)?;
    }
    Ok(replaced.text())
}

fn join(value: &Value, joiner: Option<Value>) -> Result<String, Error> {
    let joiner = joiner.map(|joiner| joiner.to_string()).unwrap_or_default();
    let mut joined = Bounded::new(0);
    for (n, item) in value.try_iter()?.enumerate() {
        let before = if n == 0 { "" } else { joiner.as_str() };
        write!(joined, "{before}{item}").map_err(|_| too_large())?;
    }
    Ok(joined.text())
}

fn to_json(value: &Value) -> Result<String, Error> {
    let mut json = Bounded::new(0);
    serde_json::to_writer(&mut json, value).map_err(|_| too_large())?;
    Ok(json.text())
}

/// The items of a value, or the characters of a text. As texts, they would take more room each time.
fn list(value: &Value) -> Result<Vec<Value>, Error> {
    let most = MAX_RANGE.unsigned_abs();
    let items: Vec<Value> = value.try_iter()?.take(most.saturating_add(1)).collect();
    if items.len() > most {
        return Err(Error::new(ErrorKind::InvalidOperation, "the list has too many items"));
    }
    Ok(items)
}

fn split(text: &Value, separator: Option<Value>, most: Option<i64>) -> Result<Vec<Value>, Error> {
    let parts = minijinja::filters::split(
        &text.to_string().into(),
        separator.map(|by| by.to_string().into()),
        most,
    )?;
    list(&parts)
}

fn string(value: &Value) -> Result<String, Error> {
    let mut text = Bounded::new(0);
    write!(text, "{value}").map_err(|_| too_large())?;
    Ok(text.text())
}

/// The same attribute of all items. With a filter, it would make many large values.
fn map(state: &State<'_, '_>, value: Value, arguments: Rest<Value>) -> Result<Vec<Value>, Error> {
    let is_attribute = arguments.len() == 1
        && arguments
            .first()
            .and_then(|only| Kwargs::try_from(only.clone()).ok())
            .is_some_and(|named| named.has("attribute"));
    if is_attribute {
        return minijinja::filters::map(state, value, arguments);
    }
    Err(Error::new(ErrorKind::InvalidOperation, "map needs an attribute, and nothing else"))
}

fn range(first: isize, end: Option<isize>, step: Option<isize>) -> Result<Value, Error> {
    let (from, to) = end.map_or((0, first), |end| (first, end));
    if to.saturating_sub(from).unsigned_abs() > MAX_RANGE.unsigned_abs() {
        return Err(Error::new(ErrorKind::InvalidOperation, "range has too many items"));
    }
    minijinja::functions::range(first, end, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Renders a template with a long text, or says at which step it was refused.
    fn outcome(source: &str) -> Result<usize, &'static str> {
        if !mistakes(source).is_empty() {
            return Err("refused");
        }
        let mut environment = Environment::new();
        environment.set_fuel(Some(20_000));
        limit(&mut environment);
        environment.add_template("t", source).map_err(|_| "no template")?;
        let long = format!("{}\"", "a".repeat(999));
        let context = minijinja::context! { long, list => vec![1, 2, 3] };
        let rendered = render(&environment.get_template("t").unwrap(), &context);
        rendered.map(|text| text.len()).map_err(|_| "failed")
    }

    #[test]
    fn what_could_grow_is_refused_before_it_is_rendered() {
        for bomb in [
            "{{ 'x' * 1000000000 }}",
            "{{ 1000000000 * 'x' }}",
            "{{ '}}' * 1000 * 1000 }}",
            "{{ long * list[0] }}",
            "{{ ([1] * 100000) * 1000 }}",
            "{{ ([1] * 1e9) | list | length }}",
            "{{ ('1000000000' | int * [1]) | list | length }}",
            "{{ 'x' * 1e9 }}",
            "{{ [[['\"'] ~ ''] ~ ''] ~ '' }}",
            "{% set x = long ~ long %}{% set x = x ~ x %}",
            "{% set x = '%}' ~ long %}",
            "{# {% #}{% set x = long + long %}",
            "{%- set x = [long, long] -%}",
            "{% set x = {'a': long} %}",
            "{% set x = 1 if long else [long, long] %}",
            "{% for a in [[long, long]] %}{% for b in [[a, a]] %}{{ b }}{% endfor %}{% endfor %}",
            "{% for a in list recursive %}{{ loop([a, a]) }}{% endfor %}",
            "{% macro m(a) %}{{ m(a ~ a) }}{% endmacro %}{{ m('x') }}",
            "{% with x = long ~ long %}{{ x }}{% endwith %}",
            "{% do namespace() %}",
            &"x".repeat(4_097),
        ] {
            assert_eq!(outcome(bomb), Err("refused"), "{bomb:.100}");
        }
    }

    #[test]
    fn what_grows_while_it_is_rendered_fails_at_the_limit() {
        let raw = "x".repeat(3_000);
        let json = "|tojson".repeat(40);
        for bomb in [
            "{% for i in range(1000) %}{{ long }}{% endfor %}",
            "{% set x %}{% for i in range(1000) %}{{ long }}{% endfor %}{% endset %}",
            "{% filter upper %}{% for i in range(1000) %}{{ long }}{% endfor %}{% endfilter %}",
            "{{ long | replace('a', long) }}",
            "{{ long | replace('', long) }}",
            "{{ range(1000) | join(long) }}",
            "{{ range(1000000000) | list | length }}",
            "{{ range(100) | map('replace', '1', long) | list }}",
            "{{ [1] | batch(1000000000, 'x') }}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ long | indent(1000000000) }}",
            "{{ [long, long] | chain([long]) }}",
            "{{ long * 1000 }}",
            &format!("{{{{ 'abc'{} }}}}", "|list|string".repeat(20)),
            &format!("{{{{ long{} }}}}", "|split('')|string".repeat(20)),
            &format!("{{{{ 'abc'{} }}}}", "|list|upper".repeat(20)),
            "{% set a = namespace(x=1) %}",
            "{% for i in range(1000) %}{% for j in range(1000) %}{{ i }}{% endfor %}{% endfor %}",
            &format!("{{% for i in range(1000) %}}{raw}{{% endfor %}}"),
            &format!("{{{{ long{json} }}}}"),
        ] {
            assert_eq!(outcome(bomb), Err("failed"), "{bomb:.100}");
        }
    }

    #[test]
    fn what_people_write_works() {
        for (source, length) in [
            ("{{ 2 * 3 }} {{ 1.21 * 2 }} {{ list[0] | float * 3 }}", 10),
            ("{{ long ~ ', ' ~ long }}", 2_002),
            ("{% set first = list[0] %}{% set last = list | last %}{{ first ~ last }}", 2),
            ("{% for n in list %}{{ n }}{% if not loop.last %}, {% endif %}{% endfor %}", 7),
            ("{{ list | join(' and ') }} {{ ['a', 'b'] | join }}", 16),
            ("{{ 'a-b' | replace('-', ' ') | upper }}{{ list | tojson }}", 10),
            ("{% set x %}a{{ list[0] }}{% endset %}{{ x | default('none') }}", 2),
            ("{% raw %}{% macro %}{% endraw %}", 11),
            ("{{ list | map(attribute='x') | list | length }}", 1),
        ] {
            assert_eq!(outcome(source), Ok(length), "{source}");
        }
    }
}
