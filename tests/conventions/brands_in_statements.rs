//! Every statement that uses a table of a brand compares the brand with something, so that no rows of two brands are
//! read or written. It does not check with what: two tables may compare their brands only with each other.

use crate::citus::CitusTables;
use crate::source_files::{files, strings_of};

/// Where the brand of a table is not compared in the same place, and why.
const WITHOUT_A_BRAND: [(&str, &str, &str); 4] = [
    ("src/storage/deliveries.rs", "deliveries", "the macro `which` adds the brand"),
    ("src/storage/delivery_jobs.rs", "deliveries", "the macro `which` adds the brand"),
    ("src/storage/delivery_queue.rs", "delivery_dedup", "by the places of rows of the brand"),
    (
        "src/storage/delivery_queue.rs",
        "delivery_latest_content",
        "by the places of rows of the brand",
    ),
];

/// Words that can follow the name of a table, so they are no alias.
const KEYWORDS: [&str; 18] = [
    "cross",
    "for",
    "from",
    "group",
    "inner",
    "join",
    "lateral",
    "left",
    "limit",
    "on",
    "order",
    "returning",
    "select",
    "set",
    "union",
    "using",
    "values",
    "where",
];

#[test]
fn every_statement_stays_in_one_brand() {
    let tables = CitusTables::read().distributed;
    let (mut uses, mut crossing) = (0, Vec::new());
    for (file, statement) in statements() {
        for used in table_uses(&tables, &tokens(&statement)) {
            uses += 1;
            if !used.stays_in_one_brand {
                crossing.push((file.clone(), used.table));
            }
        }
    }
    assert!(uses > 300, "the statements are found: {uses}");
    let known = WITHOUT_A_BRAND.map(|(file, table, _)| (file.to_owned(), table.to_owned()));
    assert_eq!(crossing, known, "statements without the brand");
}

#[test]
fn a_statement_without_the_brand_is_noticed() {
    let tables = ["records".to_owned(), "events".to_owned()];
    for (statement, expected) in [
        ("select * from records where brand_id = $1", &[][..]),
        ("select * from records as r where r.brand_id = $1", &[]),
        ("select * from records where record_key = $1", &["records"]),
        ("select brand_id from records", &["records"]),
        ("delete from records", &["records"]),
        ("update records set live = $1 where record_key = $2", &["records"]),
        ("insert into records (brand_id, record_key) values ($1, $2)", &[]),
        ("insert into records (record_key) values ($1)", &["records"]),
        ("insert into records select $1, $2", &["records"]),
        (
            "select from records as r join events as e on e.record_key = r.record_key where r.brand_id = $1",
            &["events"],
        ),
        (
            "select from records as r join events as e on e.brand_id = r.brand_id where r.brand_id = $1",
            &[],
        ),
        ("select (select count(*) from events) from records where brand_id = $1", &["events"]),
        ("select * from records join x on (brand_id, record_key) = (x.a, x.b)", &[]),
        ("select * from records for update", &["records"]),
        ("select * from only records", &["records"]),
        ("select * from records where (brand_id, record_key) > ($1, $2)", &["records"]),
        ("update records set brand_id = $1 where record_key = $2", &["records"]),
        ("select from records as r, events as e where r.brand_id = $1", &["events"]),
        (
            "delete from records where record_key in (select record_key from events where brand_id = $1)",
            &["records"],
        ),
        (
            "with a as (select record_key from events where brand_id = $1) delete from records using a",
            &["records"],
        ),
        ("select 1 from records union all select 2 from events where brand_id = $1", &["records"]),
        ("select 1 from records where brand_id = $1 union select 2 from events", &["events"]),
        ("select from records as r join events as e using (brand_id) where brand_id = $1", &[]),
        ("select from records as r join events as e using (record_key)", &["records", "events"]),
    ] {
        let crossing: Vec<String> = table_uses(&tables, &tokens(statement))
            .into_iter()
            .filter(|used| !used.stays_in_one_brand)
            .map(|used| used.table)
            .collect();
        assert_eq!(crossing, expected, "{statement}");
    }
}

/// All SQL of the storage: its `.sql` files, and the strings of its code.
fn statements() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, text) in files("src/storage", &["sql", "rs"]) {
        if file.ends_with(".sql") {
            let lines = text.lines().map(|line| line.split("--").next().unwrap());
            found.push((file, lines.collect::<Vec<_>>().join("\n")));
        } else {
            found.extend(strings_of(&text).into_iter().map(|string| (file.clone(), string)));
        }
    }
    found
}

/// A place where a statement names a table.
struct TableUse {
    table: String,
    stays_in_one_brand: bool,
}

fn table_uses(tables: &[String], tokens: &[String]) -> Vec<TableUse> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [before, table] = pair else { continue };
        let is_listed = before == "," && follows_a_table(tables, &tokens[..at]);
        let names_a_table = is_listed
            || ["from", "into", "join", "only", "update", "using"].contains(&before.as_str());
        if !names_a_table || !tables.contains(table) {
            continue;
        }
        let after = &tokens[at + 2..];
        let stays_in_one_brand = if before == "into" {
            let columns = if after.first().is_some_and(|word| word == "as") { 2 } else { 0 };
            after.get(columns..columns + 2).is_some_and(|next| next == ["(", "brand_id"])
        } else {
            let name = alias(after).unwrap_or(table);
            is_restricted(&own_block(tokens, at), name, name == table)
        };
        found.push(TableUse { table: table.clone(), stays_in_one_brand });
    }
    found
}

/// Whether these tokens end with the name of a table, or with its alias.
fn follows_a_table(tables: &[String], tokens: &[String]) -> bool {
    match tokens {
        [.., table, word, _] if word == "as" => tables.contains(table),
        [.., word, table] => word == "from" && tables.contains(table),
        _ => false,
    }
}

/// What the table is called in the rest of the statement.
fn alias(after: &[String]) -> Option<&String> {
    let named = if after.first()? == "as" { after.get(1)? } else { after.first()? };
    let is_word = named.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    (is_word && !KEYWORDS.contains(&named.as_str())).then_some(named)
}

/// Whether the brand of a table is compared with something.
fn is_restricted(block: &[String], name: &str, is_bare: bool) -> bool {
    let qualified = format!("{name}.brand_id");
    if block.windows(3).any(|words| words == ["using", "(", "brand_id"]) {
        return true;
    }
    let is_brand = |token: &String| *token == qualified || is_bare && token == "brand_id";
    block.iter().enumerate().filter(|(_, token)| is_brand(token)).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| block.get(before));
        let before = before.map_or("", String::as_str);
        let after = block.get(at + 1).map_or("", String::as_str);
        // `brand_id = …`, `… = brand_id`, `(brand_id, …) = (…)`, but not `set brand_id = …`
        let compares = after == "=" || before == "=" || before == "(" && is_compared(&block[at..]);
        compares && !["not", "set"].contains(&before)
    })
}

/// Whether a list of columns, after its opening parenthesis, is compared with something.
fn is_compared(list: &[String]) -> bool {
    let close = list.iter().position(|token| token == ")");
    close
        .and_then(|close| list.get(close + 1))
        .is_some_and(|token| ["=", "in"].contains(&token.as_str()))
}

/// The part of a statement that a token belongs to: between the parentheses around it and the next `union`, without the
/// statements inside.
fn own_block(tokens: &[String], at: usize) -> Vec<String> {
    let mut depth = 0;
    let start = tokens[..at].iter().rposition(|token| is_outside(token, "(", ")", &mut depth));
    depth = 0;
    let end = tokens[at..].iter().position(|token| is_outside(token, ")", "(", &mut depth));
    let start = start.map_or(0, |start| start + 1);
    let end = end.map_or(tokens.len(), |end| at + end);
    let (mut own, mut inside, mut is_before) = (Vec::new(), 0_usize, true);
    for (position, token) in tokens[..end].iter().enumerate().skip(start) {
        let begins = ["select", "with", "insert", "update", "delete"];
        let begins_inside = token == "(" && begins.contains(&tokens[position + 1].as_str());
        if inside > 0 || begins_inside {
            inside = match token.as_str() {
                "(" => inside + 1,
                ")" => inside - 1,
                _ => inside,
            };
        } else if token == "union" {
            if !is_before {
                break;
            }
            own.clear();
        } else {
            own.push(token.clone());
        }
        is_before &= position < at;
    }
    own
}

/// Whether a parenthesis ends the block, as it is not of a pair inside.
fn is_outside(token: &str, ends: &str, nests: &str, depth: &mut usize) -> bool {
    if token == nests {
        *depth += 1;
    } else if token == ends {
        if *depth == 0 {
            return true;
        }
        *depth -= 1;
    }
    false
}

/// Words with their dots, and every other character.
fn tokens(statement: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_in_word = false;
    for c in statement.to_lowercase().chars() {
        let is_of_word = c.is_alphanumeric() || ['_', '.', '$'].contains(&c);
        if is_of_word && is_in_word {
            found.last_mut().unwrap().push(c);
        } else if !c.is_whitespace() {
            found.push(c.to_string());
        }
        is_in_word = is_of_word;
    }
    found
}
