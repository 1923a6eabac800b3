//! Whoever is erased may have another record that nothing proves to be theirs: the command lists it.

use hookpoint::customer::model::source::SourceKind;

use crate::shop::{Shop, record};

#[test]
fn an_erasure_lists_who_of_the_same_name_and_address_is_not_erased_and_why() {
    let shop = Shop::open();
    let profile = |id: &str, first: &str, email: &str, phone: &str| {
        let fields = [
            ("name.first", first),
            ("name.last", "Naamgenoot"),
            ("email.main", email),
            ("phone.main", phone),
        ];
        record(SourceKind::OmneoProfile, id, &fields)
    };
    shop.apply(vec![
        profile("father", "Jan", "jan.vader@example.net", "+31612399999"),
        profile("son", "Jan", "jan.zoon@example.net", "+31612399999"),
        profile("mother", "Marie", "marie@example.net", "+31612399999"),
        profile("stranger", "Jan", "jan.elders@example.net", "+31612388888"),
    ]);
    let out = shop.run(&["customer", "erase", "--email", "jan.vader@example.net", "--yes"]).well();
    let not_erased =
        out.split_once("Not erased: ").unwrap_or_else(|| panic!("nobody is named: {out}")).1;
    let lines = not_erased.lines().filter(|line| line.starts_with("  omneo"));
    assert_eq!(lines.count(), 1, "{not_erased}");
    assert!(not_erased.contains("\n  omneo.profile:son  has the same telephone ("), "{not_erased}");
    assert!(!not_erased.contains("()"), "a reason is given: {not_erased}");
    assert!(not_erased.contains("hookpoint customer erase --id KEY"), "{not_erased}");
    for secret in ["jan.zoon@example.net", "31612399999", "Marie"] {
        assert!(!not_erased.contains(secret), "{not_erased}");
    }
    // What is left is still there, and goes when it is named.
    assert!(shop.run(&["lookup", "--email", "jan.zoon@example.net"]).well().contains("Naamgenoot"));
    let out = shop.run(&["customer", "erase", "--id", "omneo.profile:son", "--yes"]).well();
    assert!(out.contains("Erased.") && !out.contains("Not erased"), "{out}");
    assert_eq!(
        shop.texts("select record_key from records order by 1"),
        ["omneo.profile:mother", "omneo.profile:stranger"]
    );
}
