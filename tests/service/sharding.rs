//! `deploy/citus.sql` fits the schema: Citus refuses a table whose constraints do not contain the brand.

use std::collections::BTreeSet;

use crate::citus::CitusTables;
use crate::support::TestApp;

/// Primary keys, unique constraints and unique indexes, each with its columns in their order.
const UNIQUE_INDEXES: &str = "select index.indrelid::regclass::text, index.indexrelid::regclass::text,
        array(
            select attribute.attname::text
            from unnest(index.indkey) with ordinality as key (attnum, n)
            join pg_attribute as attribute on attribute.attrelid = index.indrelid and attribute.attnum = key.attnum
            order by key.n
        )
    from pg_index as index join pg_class as class on class.oid = index.indrelid
    where index.indisunique and class.relnamespace = 'public'::regnamespace";

/// Foreign keys: the table, the table it refers to, and the pairs of columns.
const FOREIGN_KEYS: &str = "select con.conrelid::regclass::text, con.confrelid::regclass::text,
        array(
            select own.attname || '=' || other.attname
            from unnest(con.conkey, con.confkey) as pair (own, other)
            join pg_attribute as own on own.attrelid = con.conrelid and own.attnum = pair.own
            join pg_attribute as other on other.attrelid = con.confrelid and other.attnum = pair.other
        )
    from pg_constraint as con where con.contype = 'f' and con.connamespace = 'public'::regnamespace";

#[tokio::test(flavor = "multi_thread")]
async fn every_table_can_be_distributed_by_brand() {
    let app = TestApp::start().await;
    let pool = app.pool();
    let tables = CitusTables::read();
    let listed: BTreeSet<&String> = tables.distributed.iter().chain(&tables.references).collect();
    assert_eq!(listed.len(), tables.distributed.len() + tables.references.len(), "a table twice");
    let existing: Vec<(String,)> = sqlx::query_as(
        "select tablename::text from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let existing: BTreeSet<&String> = existing.iter().map(|(table,)| table).collect();
    assert_eq!(listed, existing, "the tables of deploy/citus.sql, and those of the schema");

    let unique: Vec<(String, String, Vec<String>)> =
        sqlx::query_as(UNIQUE_INDEXES).fetch_all(pool).await.unwrap();
    let distributed = |table: &String| tables.distributed.contains(table);
    assert!(unique.iter().filter(|(table, ..)| distributed(table)).count() >= 39);
    for (table, index, columns) in unique.iter().filter(|(table, ..)| distributed(table)) {
        // It is also the first, so that the index finds the rows of a brand.
        assert_eq!(
            columns.first().map(String::as_str),
            Some("brand_id"),
            "{index} of {table} is unique without the brand, or does not begin with it"
        );
    }

    let foreign: Vec<(String, String, Vec<String>)> =
        sqlx::query_as(FOREIGN_KEYS).fetch_all(pool).await.unwrap();
    assert!(foreign.len() > 20, "{}", foreign.len());
    let position = |table: &String| tables.distributed.iter().position(|other| other == table);
    for (table, other, columns) in &foreign {
        match (position(table), position(other)) {
            (Some(own), Some(referred)) => {
                assert!(
                    columns.iter().any(|pair| pair == "brand_id=brand_id"),
                    "{table} refers to {other} without the brand"
                );
                assert!(referred < own, "{other} must come before {table}");
            }
            (None, Some(_)) => panic!("{table} is on every node, and {other} is not"),
            (_, None) => {}
        }
    }
    app.stop().await;
}
