//! The files for operators agree with each other and with the service.

use std::collections::BTreeSet;

use hookpoint::settings::SettingsFile;
use hookpoint::telemetry::metrics::CATALOGUE;

fn text_of(file: &str) -> String {
    std::fs::read_to_string(format!("deploy/{file}"))
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names of the alerts.
fn alerts() -> BTreeSet<String> {
    let alerts = text_of("prometheus/alerts.yml");
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

/// The metrics that a text uses. A histogram has three series.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("hookpoint_"))
        .map(|word| {
            let series =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
            series.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn the_runbook_says_what_to_do_for_each_alert() {
    let (alerts, runbook) = (alerts(), text_of("runbook.md"));
    assert!(alerts.len() > 20, "{alerts:?}");
    let headings: BTreeSet<String> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    assert_eq!(headings, alerts, "a heading for each alert, and no other");
    for section in runbook.split("\n## ").skip(1) {
        assert!(section.contains("\n**Means:** ") && section.contains("\n**Do:** "), "{section}");
    }
    let rules = text_of("prometheus/alerts.yml");
    for alert in &alerts {
        let link = format!("runbook: deploy/runbook.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{link}");
    }
}

#[test]
fn each_alert_is_tested_firing_and_quiet() {
    let tests = text_of("prometheus/alerts_test.yml");
    for alert in alerts() {
        for end in ["fires", "stays quiet"] {
            assert!(tests.contains(&format!("  - name: {alert} {end}\n")), "{alert} {end}");
        }
    }
}

#[test]
fn every_metric_is_in_a_dashboard_and_alerts_and_dashboards_use_no_other() {
    let dashboards: String = ["agents", "sources", "operations"]
        .map(|name| text_of(&format!("grafana/{name}.json")))
        .concat();
    let known: BTreeSet<String> = CATALOGUE.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(metrics_in(&dashboards), known);
    let alerts = metrics_in(&text_of("prometheus/alerts.yml"));
    assert!(alerts.is_subset(&known), "{:?}", alerts.difference(&known));
}

/// The settings in the values of the chart.
fn settings_of_the_chart() -> String {
    let values = text_of("helm/hookpoint/values.yaml");
    let block = values.split_once("settings: |\n").unwrap().1;
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("  "));
    lines.map(|line| format!("{}\n", line.trim_start_matches("  "))).collect()
}

#[test]
fn the_settings_of_the_image_and_the_chart_are_valid() {
    for (name, text) in
        [("docker", text_of("docker/hookpoint.toml")), ("helm", settings_of_the_chart())]
    {
        let file: SettingsFile =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.server.listen, "0.0.0.0:8080", "{name}");
        assert_eq!(file.server.metrics_listen, "0.0.0.0:9464", "{name}");
        assert_eq!(file.brands.len(), 1, "{name}");
    }
    let manifest = text_of("kubernetes/hookpoint.yaml");
    assert!(manifest.contains("drain_seconds = 5"), "longer than a probe needs to fail");
}

#[test]
fn the_unit_keeps_the_suppression_file_outside_of_the_embedded_database() {
    let unit = text_of("systemd/hookpoint.service");
    let variable = |name: &str| {
        let environment = unit.lines().find_map(|line| line.strip_prefix("Environment=")).unwrap();
        let value = environment.split(' ').find_map(|one| one.strip_prefix(&format!("{name}=")));
        value.unwrap_or_else(|| panic!("{name} in {environment}")).to_owned()
    };
    let [data, state] =
        ["XDG_DATA_HOME", "XDG_STATE_HOME"].map(|name| format!("{}/hookpoint", variable(name)));
    assert!(!state.starts_with(&format!("{data}/")) && state != data, "{state} is inside {data}");
}

#[test]
fn the_debian_package_has_existing_files_and_the_program_of_its_unit() {
    let manifest: toml::Table = std::fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let package = &manifest["package"]["metadata"]["deb"];
    let mut programs = Vec::new();
    for asset in package["assets"].as_array().unwrap() {
        let [from, to] = [0, 1].map(|n| asset[n].as_str().unwrap());
        if from.starts_with("target/") {
            programs
                .extend(from.strip_prefix("target/release/").map(|name| format!("/{to}{name}")));
            continue;
        }
        let is_there = match from.split_once('*') {
            Some((directory, end)) => std::fs::read_dir(directory)
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_str().unwrap().ends_with(end)),
            None => std::path::Path::new(from).is_file(),
        };
        assert!(is_there, "{from}");
    }
    assert_eq!(programs, ["/usr/bin/hookpoint"]);
    let unit = package["systemd-units"]["unit-name"].as_str().unwrap();
    let unit = text_of(&format!("systemd/{unit}.service"));
    assert!(unit.contains(&format!("\nExecStart={} ", programs[0])), "{unit}");
}
