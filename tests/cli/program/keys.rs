//! Commands about API keys.

use super::*;

#[test]
fn keys_are_made_listed_and_revoked() {
    let scratch = Scratch::new();
    let settings = scratch.settings("");
    let key = key_of(&settings);
    assert!(key.starts_with("hkp_") && key.len() == 47);
    let list = text(&run(&settings, &["key", "list"]).stdout);
    assert!(list.contains("shop") && list.contains("valid") && !list.contains(&key), "{list}");
    let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(run(&settings, &["key", "revoke", &id]).status.success());
    assert!(text(&run(&settings, &["key", "list"]).stdout).contains("revoked"));
    let wrong = run(&settings, &["key", "create", "--brand", "other"]);
    assert!(
        !wrong.status.success() && text(&wrong.stderr).contains("brands: shop"),
        "{}",
        text(&wrong.stderr)
    );
    let brands = text(&run(&settings, &["brand", "list"]).stdout);
    assert!(brands.contains("shop"), "{brands}");
    let nobody = run(&settings, &["lookup", "--email", "nobody@example.org"]);
    assert_eq!((nobody.status.success(), text(&nobody.stdout).trim()), (true, "Nobody matches."));
    assert_eq!(
        text(&run(&settings, &["lookup", "--phone", "06 12312311", "--json"]).stdout).trim(),
        "[]"
    );
    let nobody = text(&run(&settings, &["lookup", "--phone", "06 12312311", "--why"]).stdout);
    let lines =
        ["Nobody matches.\n", "stored data: telephone +31612312311\n", "no API is connected"];
    assert!(lines.iter().all(|line| nobody.contains(line)), "how it was read: {nobody}");
    assert_eq!(
        text(&run(&settings, &["rebuild"]).stdout).trim(),
        "shop: 0 records processed, 0 customers new or changed."
    );
    let wrong = run(&settings, &["rebuild", "--brand", "other"]);
    assert!(
        !wrong.status.success() && text(&wrong.stderr).contains("brands: shop"),
        "{}",
        text(&wrong.stderr)
    );
    scratch.wait_for_no_postgres();
}
