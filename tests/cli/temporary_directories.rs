//! Temporary directories are everybody's: what lies there already is never used, whoever put it there.

use std::hash::{Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{
    Running, Scratch, binaries, command, die_with_test, mode, names, our_uid, run, starts, user,
};

/// A temporary directory as a machine has it.
fn temporary(scratch: &Scratch) -> PathBuf {
    let dir = scratch.dir("tmp");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o1777)).unwrap();
    dir
}

#[test]
fn a_demo_writes_nothing_where_somebody_waited_for_it() {
    let scratch = Scratch::new();
    let temporary = temporary(&scratch);
    let ours: Vec<PathBuf> =
        ["log", "settings", "ledger", "lock"].map(|name| scratch.file(name, "ours", 0o600)).into();
    // The number of a process is known before it has the demo in it.
    let script = "set -e; trap=\"$TMPDIR/hookpoint-demo-$$\"; mkdir \"$trap\"; chmod 0777 \"$trap\"
        ln -s \"$1\" \"$trap/postgres.log\"; ln -s \"$2\" \"$trap/hookpoint.toml\"; ln -s \"$3\" \"$trap/suppressions.jsonl\"; ln -s \"$4\" \"$trap/lock\"
        test -z \"$5\" || chown -h \"$5\" \"$trap\" \"$trap\"/*
        shift 5; exec \"$@\"";
    let owner = if our_uid() == 0 {
        user("nobody").map(|(uid, gid)| format!("{uid}:{gid}")).unwrap()
    } else {
        String::new()
    };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .args(&ours)
        .arg(owner)
        .arg(env!("CARGO_BIN_EXE_hookpoint"))
        .args(["demo", "--listen", "127.0.0.1:0"]);
    shell
        .env("TMPDIR", &temporary)
        .env("HOOKPOINT_CACHE_DIR", binaries())
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null());
    die_with_test(&mut shell);
    let demo = Running::demo(&mut shell);
    let planted = format!("hookpoint-demo-{}", demo.child.id());
    let made: Vec<String> = names(&temporary)
        .into_iter()
        .filter(|name| name.starts_with("hookpoint-demo-") && *name != planted)
        .collect();
    assert_eq!(made.len(), 1, "a directory of its own: {made:?}");
    assert_eq!(made[0].len(), "hookpoint-demo-".len() + 32, "nobody can guess {}", made[0]);
    assert_eq!(mode(&temporary.join(&made[0])) & 0o066, 0, "nobody looks around in it");
    for secret in names(&temporary.join(&made[0]))
        .iter()
        .filter(|name| name.ends_with("secret") || *name == "lock" || *name == "postgres.log")
    {
        assert_eq!(mode(&temporary.join(&made[0]).join(secret)), 0o600, "{secret}");
    }
    demo.stop();
    for file in ours {
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "ours", "{}", file.display());
        let meta = std::fs::metadata(&file).unwrap();
        assert_eq!((meta.mode() & 0o777, meta.uid()), (0o600, our_uid()), "{}", file.display());
    }
    assert_eq!(names(&temporary), std::slice::from_ref(&planted), "its own directory is gone");
    assert_eq!(
        names(&temporary.join(planted)),
        ["hookpoint.toml", "lock", "postgres.log", "suppressions.jsonl"]
    );
}

/// A data directory that is too deep for a socket beside it.
fn deep(scratch: &Scratch) -> PathBuf {
    scratch.0.join("d".repeat(81)).join("data")
}

/// Where earlier versions had the socket of a deep data directory.
fn predictable(temporary: &Path, data_dir: &Path) -> PathBuf {
    let mut hasher = siphasher::sip::SipHasher::new();
    data_dir.hash(&mut hasher);
    temporary.join(format!("hookpoint-{:016x}", hasher.finish()))
}

#[test]
fn the_socket_of_a_deep_data_directory_is_not_where_somebody_waited_for_it() {
    let scratch = Scratch::new();
    let (temporary, data_dir) = (temporary(&scratch), deep(&scratch));
    std::fs::create_dir_all(data_dir.parent().unwrap()).unwrap();
    let settings = scratch.settings(&data_dir, "");
    let target = scratch.dir("target");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755)).unwrap();
    let planted = predictable(&temporary, &data_dir);
    symlink(&target, &planted).unwrap();
    if our_uid() == 0 {
        let (uid, gid) = user("nobody").unwrap();
        std::os::unix::fs::lchown(&planted, Some(uid), Some(gid)).unwrap();
    }
    let before = std::fs::metadata(&target).unwrap();
    let deep = |arguments: &[&str]| {
        let mut command = command(&settings, arguments);
        command.env("TMPDIR", &temporary);
        command
    };
    for _ in 0..2 {
        let service = Running::serve(&mut deep(&["serve"]));
        let made: Vec<String> = names(&temporary)
            .into_iter()
            .filter(|name| *name != planted.file_name().unwrap().to_string_lossy())
            .collect();
        assert_eq!(made.len(), 1, "one for its socket: {made:?}");
        assert_eq!(mode(&temporary.join(&made[0])), 0o700);
        assert!(names(&temporary.join(&made[0])).contains(&".s.PGSQL.5432".to_owned()));
        // A command finds it.
        assert!(run(&mut deep(&["key", "create", "--brand", "shop"])).well().contains("?key="));
        assert!(run(&mut deep(&["key", "list"])).well().contains("valid"));
        service.stop();
        assert_eq!(
            names(&temporary),
            [planted.file_name().unwrap().to_string_lossy().into_owned()],
            "nothing is left"
        );
    }
    // A command that starts a server of its own leaves nothing either.
    assert!(run(&mut deep(&["brand", "list"])).well().contains("shop"));
    assert_eq!(names(&temporary).len(), 1);
    let after = std::fs::metadata(&target).unwrap();
    assert_eq!(
        (after.mode(), after.uid(), after.gid()),
        (before.mode(), before.uid(), before.gid())
    );
    assert_eq!(
        (std::fs::read_link(&planted).unwrap(), names(&target)),
        (target, Vec::<String>::new())
    );
}

#[test]
fn the_socket_directory_of_a_service_that_was_killed_is_gone_after_its_next_start() {
    let scratch = Scratch::new();
    let temporary = temporary(&scratch);
    let settings = scratch.settings(&deep(&scratch), "");
    let serve = || {
        let mut serve = command(&settings, &["serve"]);
        serve.env("TMPDIR", &temporary);
        serve
    };
    // It is killed as soon as it is ready.
    assert!(starts(&mut serve()));
    Running::serve(&mut serve()).stop();
    assert_eq!(names(&temporary), Vec::<String>::new());
}

#[test]
fn a_temporary_directory_that_is_too_deep_for_a_socket_keeps_nobody_from_starting() {
    let scratch = Scratch::new();
    let temporary = scratch.dir(&format!("{}/tmp", "t".repeat(90)));
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let settings = scratch.settings(&deep(&scratch), "");
    let with_it = |arguments: &[&str]| {
        let mut command = command(&settings, arguments);
        command.env("TMPDIR", &temporary);
        command
    };
    let note = deep(&scratch).join("socket_directory");
    for _ in 0..2 {
        assert!(starts(&mut with_it(&["serve"])));
        let left = PathBuf::from(std::fs::read_to_string(&note).unwrap());
        let service = Running::serve(&mut with_it(&["serve"]));
        assert!(!left.exists(), "the one of a service that was killed goes");
        let socket_dir = PathBuf::from(std::fs::read_to_string(&note).unwrap());
        assert_eq!((socket_dir.parent(), mode(&socket_dir)), (Some(Path::new("/tmp")), 0o700));
        assert!(run(&mut with_it(&["key", "create", "--brand", "shop"])).well().contains("?key="));
        service.stop();
        assert!(!socket_dir.exists(), "nothing is left");
    }
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    demo.args(["demo", "--listen", "127.0.0.1:0"]).stdin(Stdio::null());
    demo.env("TMPDIR", &temporary)
        .env("HOOKPOINT_CACHE_DIR", binaries())
        .env_remove("DATABASE_URL");
    die_with_test(&mut demo);
    Running::demo(&mut demo).stop();
    assert_eq!(names(&temporary), Vec::<String>::new());
}

#[test]
fn what_somebody_left_in_the_data_directory_names_nothing_of_ours() {
    let scratch = Scratch::new();
    let (temporary, data_dir) = (temporary(&scratch), deep(&scratch));
    std::fs::create_dir_all(&data_dir).unwrap();
    let settings = scratch.settings(&data_dir, "");
    let serve = || {
        let mut serve = command(&settings, &["serve"]);
        serve.env("TMPDIR", &temporary);
        serve
    };
    let (ours, note) = (scratch.file("ours", "ours", 0o600), data_dir.join("socket_directory"));
    symlink(&ours, &note).unwrap();
    Running::serve(&mut serve()).stop();
    assert_eq!(std::fs::read_to_string(&ours).unwrap(), "ours");
    // A note of somebody else's names a directory that is not of this service.
    if our_uid() == 0 {
        let other = temporary.join("hookpoint-of-another-service");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(&note, other.as_os_str().as_encoded_bytes()).unwrap();
        let (uid, gid) = user("nobody").unwrap();
        std::os::unix::fs::lchown(&note, Some(uid), Some(gid)).unwrap();
        Running::serve(&mut serve()).stop();
        assert!(other.exists());
    }
}

#[test]
fn a_demo_that_is_stopped_before_it_is_ready_leaves_nothing() {
    let scratch = Scratch::new();
    let temporary = temporary(&scratch);
    let mut demo = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    demo.args(["demo", "--listen", "127.0.0.1:0"]).stdin(Stdio::null());
    demo.env("TMPDIR", &temporary)
        .env("HOOKPOINT_CACHE_DIR", binaries())
        .env_remove("DATABASE_URL");
    die_with_test(&mut demo);
    Running::after_output(&mut demo, "Starting an embedded Postgres").stop();
    assert_eq!(names(&temporary), Vec::<String>::new());
}
