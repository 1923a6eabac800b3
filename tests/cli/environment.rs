//! A service whose environment names no directory guesses no place where anybody could have been before it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{RunEnd, Scratch, die_with_test, names, our_uid, run, user};

/// The command where another user may run it.
fn program(scratch: &Scratch) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_hookpoint"));
    let is_reachable = built
        .ancestors()
        .skip(1)
        .all(|dir| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0));
    if our_uid() != 0
        || (is_reachable && std::fs::metadata(built).unwrap().permissions().mode() & 0o005 == 0o005)
    {
        return built.to_owned();
    }
    let copy = scratch.0.join("hookpoint");
    if std::fs::hard_link(built, &copy).is_err() {
        std::fs::copy(built, &copy).unwrap();
    }
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Runs it with an environment of these alone, and not as root.
fn run_bare(
    scratch: &Scratch,
    settings: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> RunEnd {
    let mut command = Command::new(program(scratch));
    command
        .arg("--settings")
        .arg(settings)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir("/")
        .stdin(Stdio::null());
    if our_uid() == 0 {
        let (uid, gid) = user("nobody").unwrap();
        command.uid(uid).gid(gid);
    }
    die_with_test(&mut command);
    run(&mut command)
}

/// What lies where earlier versions kept everything when no setting said otherwise.
fn guessed() -> Option<Vec<String>> {
    let dir = Path::new("/tmp/hookpoint");
    dir.is_dir().then(|| names(dir))
}

#[test]
fn nothing_is_kept_in_a_shared_directory_when_the_environment_is_empty() {
    let scratch = Scratch::new();
    let before = guessed();
    let settings = scratch.file("settings.toml", "[brands.shop]\n", 0o644);
    let url = [("DATABASE_URL", "postgres://hookpoint@127.0.0.1:1/hookpoint")];
    for arguments in [
        &["settings", "check"][..],
        &["serve"],
        &["brand", "list"],
        &["customer", "erase", "--id", "1", "--yes"],
    ] {
        let own_server = run_bare(&scratch, &settings, arguments, &url);
        assert_eq!((own_server.code, own_server.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            own_server.error.contains("erasure.suppression_file: must be set"),
            "{}",
            own_server.error
        );
        assert!(!own_server.error.contains("data_dir"), "{}", own_server.error);
        let embedded = run_bare(&scratch, &settings, arguments, &[]);
        assert_eq!((embedded.code, embedded.out.as_str()), (Some(2), ""), "{arguments:?}");
        for key in ["erasure.suppression_file: must be set", "database.data_dir: must be set"] {
            assert!(embedded.error.contains(key), "{}", embedded.error);
        }
        // Whom else it could ask is said as well.
        assert!(embedded.error.contains("HOME"), "{}", embedded.error);
    }
    assert_eq!(guessed(), before, "nothing is made there");
}

#[test]
fn a_service_with_explicit_directories_needs_no_environment() {
    let scratch = Scratch::new();
    let before = guessed();
    let explicit_settings = format!(
        "[database]\ndata_dir = {:?}\ndownload_postgres = true\n[erasure]\nsuppression_file = {:?}\n[brands.shop]\n",
        scratch.0.join("data"),
        scratch.0.join("suppressions.jsonl")
    );
    let settings = scratch.file("settings.toml", &explicit_settings, 0o644);
    assert!(run_bare(&scratch, &settings, &["settings", "check"], &[]).well().contains("shop"));
    let settings = scratch.file("settings.toml", "[brands.shop]\n", 0o644);
    let home = scratch.0.display().to_string();
    assert!(
        run_bare(&scratch, &settings, &["settings", "check"], &[("HOME", &home)])
            .well()
            .contains("shop")
    );
    let [data, state] = ["data", "state"].map(|name| format!("{home}/{name}"));
    let xdg = [("XDG_DATA_HOME", data.as_str()), ("XDG_STATE_HOME", state.as_str())];
    assert!(run_bare(&scratch, &settings, &["settings", "check"], &xdg).well().contains("shop"));
    assert_eq!(guessed(), before);
    assert!(!scratch.0.join("data").exists(), "looking at settings makes nothing");
}
