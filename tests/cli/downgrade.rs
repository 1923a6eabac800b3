//! A version that came later has been here: its predecessor goes on.

use crate::shop::{Shop, anna_and_bert};

#[test]
fn a_schema_of_a_later_version_keeps_neither_the_service_nor_its_commands_from_working() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let key = shop.run(&["key", "create", "--brand", "shop"]).well();
    let id = key.split_once("Key id: ").unwrap().1.trim().to_owned();
    shop.sql(
        "insert into _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
        values (99990101000001, 'what a later version adds', now(), true, '\\x00', 1);
        create table of_a_later_version (id integer); alter table records add column of_a_later_version text",
    );
    for _ in 0..2 {
        shop.serve().stop();
    }
    assert!(shop.run(&["migrate"]).well().contains("up to date"));
    assert!(shop.run(&["brand", "list"]).well().contains("shop"));
    assert!(shop.run(&["lookup", "--email", "anna@example.org"]).well().contains("Verburg"));
    assert!(shop.run(&["key", "revoke", &id]).well().contains("The key is revoked"));
    assert!(shop.run(&["key", "list"]).well().contains("revoked"));
    assert!(
        shop.run(&["customer", "export", "--email", "anna@example.org"]).well().contains("Verburg")
    );
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    let known = "select version::text from _sqlx_migrations order by version desc limit 1";
    assert_eq!(shop.texts(known), ["99990101000001"], "what the later version did stays");
    shop.serve().stop();
}

#[test]
fn a_migration_that_was_changed_since_is_still_refused() {
    let shop = Shop::open();
    shop.sql("update _sqlx_migrations set checksum = '\\x00' where version = (select min(version) from _sqlx_migrations)");
    let refused = shop.run(&["serve"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.error.contains("migration"), "{}", refused.error);
}
