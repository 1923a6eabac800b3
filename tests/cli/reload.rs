//! New settings without a restart: by a command for all replicas, and by a signal for one.

use std::process::Command;

use crate::command::{Running, command, run};
use crate::shop::Shop;

impl Shop {
    /// Waits until this many replicas have reported themselves.
    fn until_replicas(&self, number: usize) {
        let count = || self.texts("select replica_id::text from replicas").len();
        while count() != number {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn change_settings(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.settings).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&self.settings, text.replace(from, to)).unwrap();
    }
}

fn hang_up(service: &Running) {
    let pid = service.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
}

#[test]
fn all_replicas_take_over_new_settings_and_say_what_needs_a_restart() {
    let shop = Shop::open();
    let nobody = shop.run(&["reload"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(75), ""), "{}", nobody.error);
    assert!(nobody.error.contains("no replica"), "{}", nobody.error);
    let services = [shop.serve(), shop.serve()];
    shop.until_replicas(2);
    shop.change_settings("deadline_ms = 20000", "deadline_ms = 15000");
    let printed = shop.run(&["reload", "--json"]).well();
    let replicas: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let replicas = replicas.as_array().unwrap();
    assert_eq!(replicas.len(), 2, "{printed}");
    for replica in replicas {
        assert_eq!(replica["reloaded"], true, "{printed}");
        assert_eq!(replica["needs_restart"], serde_json::json!([]), "{printed}");
        let address = replica["address"].as_str().unwrap();
        assert!(services.iter().any(|service| service.address == address), "{printed}");
    }
    shop.change_settings("metrics_listen = \"\"", "metrics_listen = \"localhost:0\"");
    let printed = shop.run(&["reload"]).well();
    assert_eq!(printed.matches(": reloaded\n").count(), 2, "{printed}");
    assert_eq!(printed.matches("Needs a restart: server.metrics_listen\n").count(), 2, "{printed}");
    for service in services {
        service.stop();
    }
    shop.until_replicas(0);
}

#[test]
fn a_mistake_leaves_the_former_settings_and_no_text_of_it_is_repeated() {
    let shop = Shop::open();
    let service = shop.serve();
    shop.until_replicas(1);
    let good = shop.scratch.0.join("good.toml");
    std::fs::copy(&shop.settings, &good).unwrap();
    shop.change_settings(
        "drain_seconds = 0",
        "drain_seconds = \"canary-one\"\ncolour = \"canary-two\"",
    );
    let mistaken = shop.run(&["reload"]);
    assert_eq!((mistaken.code, mistaken.out.as_str()), (Some(2), ""), "{}", mistaken.error);
    let mut other = command(&good, &["reload"]);
    let failed = run(other.env("DATABASE_URL", shop.url()));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.error.contains("not reloaded"), "{}", failed.error);
    assert!(failed.error.contains("server.drain_seconds"), "{}", failed.error);
    hang_up(&service);
    let log = service.until_lines("the service goes on with its former settings", 2);
    let stored = shop.texts("select reload_outcome::text from replicas").concat();
    for text in [&mistaken.error, &failed.out, &failed.error, &log, &stored] {
        assert!(!text.contains("canary"), "{text}");
    }
    std::fs::copy(&good, &shop.settings).unwrap();
    hang_up(&service);
    service.until_lines("new settings taken over", 1);
    service.stop();
}
