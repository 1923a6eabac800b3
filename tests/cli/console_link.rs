//! `hookpoint console link --open`: the browser gets the link in a file that nobody else can read, and never as an argument.

use crate::command::{RunEnd, run};
use crate::shop::Shop;

/// Runs the command with another program in the place of the one that opens browsers.
fn open_link(shop: &Shop, opener: &str) -> RunEnd {
    let settings = std::fs::read_to_string(&shop.settings).unwrap();
    let settings = settings.replace("[console]\nlisten = \"\"", "[console]");
    std::fs::write(&shop.settings, settings).unwrap();
    let programs = shop.scratch.dir("programs");
    let name = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    shop.scratch.file(&format!("programs/{name}"), opener, 0o755);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = shop.command(&["console", "link", "--role", "viewer", "--open"]);
    run(command.env("PATH", path).env("SEEN", shop.scratch.0.join("seen")))
}

#[test]
fn a_link_reaches_the_browser_in_a_file_that_only_this_user_can_read() {
    let shop = Shop::open();
    let opener = "#!/bin/sh\n{ echo \"$#\"; echo \"$1\"; ls -l \"$1\"; cat \"$1\"; } > \"$SEEN\"\n";
    let ended = open_link(&shop, opener);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.out.contains("open in your browser") && !ended.out.contains("http"), "{ended:?}");
    let seen = std::fs::read_to_string(shop.scratch.0.join("seen")).unwrap();
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[0], "1", "{seen}");
    assert!(!lines[1].contains('#') && !lines[1].contains("shop."), "{seen}");
    assert!(lines[2].starts_with("-rw-------"), "{seen}");
    assert!(lines[3].contains("url=http://127.0.0.1:8090/login#shop."), "{seen}");
    assert!(!std::path::Path::new(lines[1]).exists(), "the file is deleted");
}

#[test]
fn without_a_browser_the_link_is_printed_and_the_reason_is_told() {
    let shop = Shop::open();
    let ended = open_link(&shop, "#!/bin/sh\nexit 3\n");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.error.contains("No browser was opened"), "{ended:?}");
    assert!(ended.out.contains("http://127.0.0.1:8090/login#shop."), "{ended:?}");
}

#[test]
fn a_link_is_for_somebody_with_a_name() {
    let shop = Shop::open();
    let settings = std::fs::read_to_string(&shop.settings).unwrap();
    let settings = settings.replace("[console]\nlisten = \"\"", "[console]");
    std::fs::write(&shop.settings, settings).unwrap();
    let link = |name: &[&str]| {
        let arguments = [&["console", "link", "--role", "admin"], name].concat();
        run(shop.command(&arguments).env_remove("USER").env_remove("LOGNAME"))
    };
    let nameless = link(&[]);
    assert_ne!(nameless.code, Some(0), "{nameless:?}");
    assert!(nameless.error.contains("--for NAME") && nameless.out.is_empty(), "{nameless:?}");
    let named = link(&["--for", "Femke"]);
    assert!(named.out.contains("/login#shop."), "{named:?}");
}
