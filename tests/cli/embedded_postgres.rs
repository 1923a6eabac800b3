//! The embedded Postgres is the service's own: nobody else on the machine gets in, or sees what it holds.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::PgConnectOptions;

use crate::command::{Running, Scratch, command, mode, our_uid, run, starts, user};
use crate::other_user::{ask_as, refusal};
use crate::shop::execute;

/// A running service with the server that is its own.
struct Own {
    service: Running,
    data_dir: PathBuf,
    pid: u32,
    options: PgConnectOptions,
    socket_dir: PathBuf,
}

fn serve(scratch: &Scratch, settings: &Path) -> Own {
    let service = Running::serve(&mut command(settings, &["serve"]));
    let data_dir = scratch.0.join("data");
    let postmaster = std::fs::read_to_string(data_dir.join("cluster/postmaster.pid")).unwrap();
    let lines: Vec<&str> = postmaster.lines().collect();
    let socket_dir = PathBuf::from(lines[4]);
    let options = PgConnectOptions::new_without_pgpass()
        .socket(&socket_dir)
        .port(5432)
        .username("hookpoint")
        .database("postgres");
    Own { service, data_dir, pid: lines[0].parse().unwrap(), options, socket_dir }
}

/// Asks as ourselves.
fn ask(own: &Own, sql: &str) -> Vec<String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(execute(&own.options, sql))
        .unwrap()
}

/// The server and every process that it made, with their users.
fn processes(own: &Own) -> Vec<(u32, u32)> {
    let field = |status: &str, name: &str| {
        status.lines().find_map(|line| {
            line.strip_prefix(name)?.split_whitespace().next()?.parse::<u32>().ok()
        })
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok());
    let all: Vec<(u32, u32, u32)> = all
        .filter_map(|status| {
            Some((field(&status, "Pid:")?, field(&status, "PPid:")?, field(&status, "Uid:")?))
        })
        .collect();
    all.into_iter()
        .filter(|(pid, parent, _)| *pid == own.pid || *parent == own.pid)
        .map(|(pid, _, uid)| (pid, uid))
        .collect()
}

/// Who may connect, as the server has read it.
fn assert_only_we_may_connect(own: &Own) {
    let lines = |setting: &str| {
        let file = &ask(own, &format!("select current_setting('{setting}')"))[0];
        let text = std::fs::read_to_string(file).unwrap();
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("hba_file"), ["local all hookpoint peer map=hookpoint"]);
    assert_eq!(
        ask(own, "select auth_method || coalesce(error, '') from pg_hba_file_rules"),
        ["peer"],
        "as Postgres reads it"
    );
    let us = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned();
    let mut expected = vec!["hookpoint \"root\" hookpoint".to_owned()];
    expected.extend((us != "root").then(|| format!("hookpoint \"{us}\" hookpoint")));
    assert_eq!(lines("ident_file"), expected);
}

/// Opens what stands between other users and the server's socket.
fn open_the_way(own: &Own) {
    std::fs::set_permissions(&own.socket_dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(
        own.socket_dir.join(".s.PGSQL.5432"),
        std::fs::Permissions::from_mode(0o777),
    )
    .unwrap();
}

/// No other user of the system is let in: they can't reach the socket, and where they can, Postgres refuses them.
fn assert_others_are_refused(own: &Own) {
    if our_uid() != 0 {
        // Only root can be somebody else.
        return;
    }
    let server = std::fs::metadata(own.data_dir.join("cluster")).unwrap();
    let server = (server.uid(), server.gid());
    let others: Vec<(u32, u32)> = ["nobody", "postgres", "daemon"]
        .into_iter()
        .filter_map(user)
        .filter(|other| *other != server)
        .collect();
    assert!(!others.is_empty());
    let query = "select usesuper::text from pg_user where usename = current_user";
    for other in &others {
        assert_eq!(
            refusal(&ask_as(*other, &own.options, query)),
            None,
            "{other:?} can't even reach it"
        );
    }
    // The user whose processes the server's are.
    assert_eq!(refusal(&ask_as(server, &own.options, query)).as_deref(), Some("28000"));
    open_the_way(own);
    for other in &others {
        assert_eq!(
            refusal(&ask_as(*other, &own.options, query)).as_deref(),
            Some("28000"),
            "{other:?}"
        );
    }
    assert_eq!(ask(own, query), ["true"]);
}

fn assert_nothing_runs_as_nobody(own: &Own) {
    let processes = processes(own);
    assert!(
        processes.len() > 3 && processes.iter().any(|(pid, _)| *pid == own.pid),
        "{processes:?}"
    );
    let expected = if our_uid() == 0 {
        user("hookpoint").or_else(|| user("postgres")).expect("there is a user for it").0
    } else {
        our_uid()
    };
    for (pid, uid) in processes {
        assert_eq!(uid, expected, "{pid}");
        assert_ne!(Some(uid), user("nobody").map(|(uid, _)| uid), "{pid}");
    }
}

/// Everything in a directory, directories and files.
fn everything(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn nobody_else_on_the_machine_gets_into_the_embedded_server() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    let own = serve(&scratch, &settings);
    assert_only_we_may_connect(&own);
    assert_nothing_runs_as_nobody(&own);
    assert_others_are_refused(&own);
    own.service.stop();
}

#[test]
fn the_embedded_server_uses_the_memory_of_the_settings() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    let text = std::fs::read_to_string(&settings).unwrap();
    let text = text.replace("[database]", "[database]\nshared_buffers_megabytes = 32");
    let settings = scratch.file("hookpoint.toml", &text, 0o644);
    let own = serve(&scratch, &settings);
    assert_eq!(ask(&own, "show shared_buffers"), ["32MB"]);
    own.service.stop();
}

#[test]
fn what_the_embedded_server_holds_is_its_owners_only() {
    let scratch = Scratch::new();
    let data_dir = scratch.0.join("data");
    let settings = scratch.settings(&data_dir, "");
    let own = serve(&scratch, &settings);
    assert!(
        run(&mut command(&settings, &["key", "create", "--brand", "shop"]))
            .well()
            .contains("?key=")
    );
    assert_eq!(mode(&data_dir), 0o711, "others pass through to what is theirs, and see nothing");
    for dir in [data_dir.join("cluster"), own.socket_dir.clone()] {
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
    }
    for file in ["lock", "postgres.log"] {
        assert_eq!(mode(&data_dir.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&own.socket_dir.join(".s.PGSQL.5432")), 0o700);
    // Files come and go while it runs.
    let found: Vec<PathBuf> =
        everything(&data_dir.join("cluster")).into_iter().filter(|path| path.exists()).collect();
    assert!(found.len() > 500, "{}", found.len());
    // Who may connect is no secret, and the directory around it is closed.
    let open = found
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok_and(|meta| meta.mode() & 0o077 != 0));
    let open: Vec<String> =
        open.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(
        open.iter().all(|name| name.starts_with("hookpoint_") && name.ends_with(".conf")),
        "{open:?}"
    );
    own.service.stop();
}

/// As an earlier version left it: everybody who reached the socket was trusted, and under root it was `nobody`'s where there was no
/// other user.
fn make_trusting(cluster: &Path) {
    for name in ["hookpoint_hba.conf", "hookpoint_ident.conf"] {
        let _ = std::fs::remove_file(cluster.join(name));
    }
    std::fs::write(
        cluster.join("pg_hba.conf"),
        "local all all trust\nhost all all 127.0.0.1/32 trust\n",
    )
    .unwrap();
    if our_uid() == 0 {
        let (uid, gid) = user("nobody").unwrap();
        for path in everything(cluster)
            .into_iter()
            .chain([cluster.to_owned(), cluster.with_file_name("run")])
        {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
        }
    }
}

#[test]
fn data_of_a_version_that_trusted_everybody_is_served_to_its_owner_alone() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    let own = serve(&scratch, &settings);
    run(&mut command(&settings, &["key", "create", "--brand", "shop", "--label", "from before"]))
        .well();
    own.service.stop();
    make_trusting(&scratch.0.join("data/cluster"));
    let own = serve(&scratch, &settings);
    assert_only_we_may_connect(&own);
    assert_nothing_runs_as_nobody(&own);
    let left = everything(&own.data_dir).into_iter().filter(|path| {
        path.symlink_metadata()
            .is_ok_and(|meta| Some(meta.uid()) == user("nobody").map(|(uid, _)| uid))
    });
    assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "nothing is left to nobody");
    assert!(run(&mut command(&settings, &["key", "list"])).well().contains("from before"));
    assert_others_are_refused(&own);
    own.service.stop();
}

#[test]
fn links_that_somebody_left_in_the_servers_directory_lead_nowhere() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    serve(&scratch, &settings).service.stop();
    let ours = scratch.file("ours", "of the service's user", 0o600);
    let before = std::fs::metadata(&ours).unwrap();
    for name in ["hookpoint_hba.begun", "hookpoint_ident.begun"] {
        symlink(&ours, scratch.0.join("data/cluster").join(name)).unwrap();
    }
    starts(&mut command(&settings, &["serve"]));
    let after = std::fs::metadata(&ours).unwrap();
    assert_eq!(std::fs::read_to_string(&ours).unwrap(), "of the service's user");
    assert_eq!(
        (after.uid(), after.gid(), after.mode()),
        (before.uid(), before.gid(), before.mode())
    );
}
