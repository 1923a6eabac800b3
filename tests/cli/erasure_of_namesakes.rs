//! Whoever is erased may have another record that nothing proves to be theirs: who erases is told.

use hookpoint::customer::model::source::SourceKind;

use crate::shop::{Shop, record};

#[test]
fn who_erases_is_told_whom_of_the_same_name_and_address_is_left_and_why() {
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
    shop.tell(vec![
        profile("father", "Jan", "jan.vader@example.net", "+31612399999"),
        profile("son", "Jan", "jan.zoon@example.net", "+31612399999"),
        profile("mother", "Marie", "marie@example.net", "+31612399999"),
        profile("stranger", "Jan", "jan.elders@example.net", "+31612388888"),
    ]);
    let out = shop.run(&["customer", "erase", "--email", "jan.vader@example.net", "--yes"]).well();
    let told = out.split_once("Not erased: ").unwrap_or_else(|| panic!("nobody is named: {out}")).1;
    let named: Vec<&str> = told.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(named.len(), 1, "{told}");
    assert!(
        named[0].starts_with("  omneo.profile:son  has the same telephone (")
            && named[0].ends_with(')'),
        "{told}"
    );
    assert!(!named[0].contains("()"), "a reason is given: {told}");
    assert!(told.contains("hookpoint customer erase --id KEY"), "{told}");
    for secret in ["jan.zoon@example.net", "31612399999", "Marie"] {
        assert!(!told.contains(secret), "{told}");
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
