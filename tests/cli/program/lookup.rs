//! `lookup` goes the way of a lookup over HTTP: it also asks the sources, and says what they answered.

use super::*;

#[test]
fn a_person_whom_only_a_source_knows_is_found_and_said_to_be_known_there() {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let profile = serde_json::json!({
        "id": "p1", "first_name": "Thomas", "last_name": "Bakker", "email": "thomas@example.org",
        "created_at": "2026-01-01 00:00:00", "updated_at": "2026-02-01 00:00:00"
    });
    data.put(ObjectKind::Profile, profile);
    let simulators =
        Simulators::start(data, &Secrets::known(), SimulatorOptions::default(), Clock::system())
            .unwrap();
    let secret = scratch.0.join("secret");
    std::fs::write(&secret, Secrets::known().of_api(Source::Omneo)).unwrap();
    let settings = scratch.settings(&format!(
        "[sync]\nbackfill = false\n[brands.shop.sources.omneo.api]\nbase_url = \"{}\"\ntoken = [{{ file = {secret:?} }}]
[brands.shop.sources.omneo.webhook]\nverification = \"none\"\n",
        simulators.base_url(Source::Omneo),
    ));
    // It stores the brand.
    assert!(run(&settings, &["key", "create", "--brand", "shop"]).status.success());
    let lookup = |arguments: &[&str]| {
        let output = run(&settings, &[&["lookup"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let stored = lookup(&["--email", "thomas@example.org", "--stored"]);
    assert!(stored.contains("Nobody matches.") && !stored.contains("Asked"), "{stored}");
    let found = lookup(&["--email", "thomas@example.org"]);
    assert!(found.contains("Asked omneo: it knows the person."), "{found}");
    assert!(found.contains("Thomas Bakker"), "{found}");
    // What was found is stored.
    assert!(lookup(&["--email", "thomas@example.org", "--stored"]).contains("Thomas Bakker"));
    let nobody = lookup(&["--email", "nobody@example.org", "--why"]);
    assert!(nobody.contains("Asked omneo: it does not know the person."), "{nobody}");
    simulators.set_fault(
        Source::Omneo,
        hookpoint::demo::simulators::Part::Api,
        Some(hookpoint::demo::simulators::Fault::Status(500)),
    );
    let failed = lookup(&["--email", "somebody@example.org"]);
    assert!(failed.contains("Asked omneo, without an answer: "), "{failed}");
    // A spelling that a person may use here, but that is refused over HTTP.
    let spelled = lookup(&["--phone", "06 44556677", "--stored"]);
    assert!(spelled.contains("refused with 400 phone-malformed"), "{spelled}");
    let canonical = lookup(&["--phone", "+31644556677", "--stored"]);
    assert!(!canonical.contains("refused"), "{canonical}");
    runtime.block_on(simulators.stop());
    scratch.wait_for_no_postgres();
}
