//! The commands for packages, containers and reports of faults: completion, man, version, health.

use std::path::Path;

use crate::command::{Running, Scratch, command, names, run};

/// These commands work without a settings file.
fn without_settings(arguments: &[&str]) -> String {
    run(&mut command(Path::new("/nonexistent/hookpoint.toml"), arguments)).well()
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = without_settings(&["completion", shell]);
        for name in ["inbox", "rebuild", "settings"] {
            assert!(script.contains(name), "{shell} {name}");
        }
    }
}

#[test]
fn each_command_has_a_manual_page() {
    let page = without_settings(&["man"]);
    assert!(page.starts_with(".ie") && page.contains(".TH hookpoint 1"), "{page}");
    let scratch = Scratch::new();
    let directory = scratch.0.join("man1");
    assert_eq!(without_settings(&["man", "--directory", directory.to_str().unwrap()]), "");
    let pages = names(&directory);
    for page in ["hookpoint.1", "hookpoint-serve.1", "hookpoint-inbox-replay.1"] {
        assert!(pages.contains(&page.to_owned()), "{page}: {pages:?}");
    }
}

#[test]
fn the_version_names_schema_and_rules_for_people_and_for_scripts() {
    let json: serde_json::Value =
        serde_json::from_str(&without_settings(&["version", "--json"])).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let newest = names(Path::new("migrations")).pop().unwrap();
    assert_eq!(Some(json["schema"].to_string().as_str()), newest.split('_').next());
    assert_eq!(json["rules"], hookpoint::customer::DERIVATION_VERSION);
    let text = without_settings(&["version"]);
    assert!(text.starts_with(&format!("hookpoint {}\n", env!("CARGO_PKG_VERSION"))), "{text}");
    assert!(text.contains(&format!("\nschema  {}\n", json["schema"])), "{text}");
}

#[test]
fn health_fails_until_the_service_is_ready() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.dir("data"), "");
    let health = |address: &str| {
        run(&mut command(&settings, &["health", "--address", address, "--timeout", "60"]))
    };
    let service = Running::serve(&mut command(&settings, &["serve"]));
    let address = service.address.clone();
    let answer: serde_json::Value = serde_json::from_str(&health(&address).well()).unwrap();
    assert_eq!(answer["status"], "ready");
    service.stop();
    let stopped = health(&address);
    assert_eq!((stopped.code, stopped.out.as_str()), (Some(3), ""));
    assert_eq!(stopped.error, format!("hookpoint: the service on {address} does not answer\n"));
    let mistaken = health("here");
    assert_eq!(mistaken.code, Some(2));
    assert_eq!(mistaken.error, "hookpoint: here is not an address with a port\n");
}
