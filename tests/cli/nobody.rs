//! `lookup --why` says why nobody is found.

use crate::shop::{Shop, anna_and_bert};

#[test]
fn a_lookup_that_finds_nobody_says_how_it_was_read_and_what_the_sources_know() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let why = |arguments: &[&str]| shop.run(&[&["lookup", "--why"], arguments].concat()).well();
    let unknown = why(&["--email", "Nobody@Example.ORG"]);
    assert!(unknown.contains("Nobody matches."), "{unknown}");
    assert!(unknown.contains("in the stored data: email nobody@example.org"), "{unknown}");
    assert!(unknown.contains("No source can be asked about it"), "{unknown}");
    assert!(!unknown.contains("erased"), "{unknown}");
    assert!(why(&["--email", "anna@example.org"]).contains("Verburg"));
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    for arguments in [["--email", "anna@example.org"], ["--id", "omniotap.contact:crm-1"]] {
        let erased = why(&arguments);
        assert!(erased.contains("A person with it was erased"), "{arguments:?}: {erased}");
    }
    assert!(!why(&["--email", "nobody@example.org"]).contains("erased"));
}
