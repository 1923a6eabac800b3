//! Being another user for a moment, as root can.

use sqlx::postgres::PgConnectOptions;

use crate::shop::execute;

/// Asks Postgres something as another user of the system. Only a thread of our own becomes that user: the kernel keeps credentials
/// for each thread, and tells whoever is at the other end of a socket those of the thread that connected.
pub fn ask_as(
    user: (u32, u32),
    options: &PgConnectOptions,
    sql: &'static str,
) -> Result<Vec<String>, sqlx::Error> {
    let options = options.clone();
    let asking = move || {
        become_user(user);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(execute(&options, sql))
    };
    std::thread::spawn(asking).join().unwrap()
}

#[expect(unsafe_code, reason = "the C library's functions change every thread of the process")]
fn become_user((uid, gid): (u32, u32)) {
    let none = std::ptr::null::<libc::gid_t>();
    // SAFETY: system calls that take numbers, and a list of no groups.
    let done = unsafe {
        [
            libc::syscall(libc::SYS_setgroups, 0_usize, none),
            libc::syscall(libc::SYS_setresgid, gid, gid, gid),
            libc::syscall(libc::SYS_setresuid, uid, uid, uid),
        ]
    };
    assert_eq!(done, [0; 3], "{}", std::io::Error::last_os_error());
}

/// The code of what Postgres answered; `None` where nobody could be asked at all.
pub fn refusal(asked: &Result<Vec<String>, sqlx::Error>) -> Option<String> {
    match asked.as_ref().expect_err("they were let in") {
        sqlx::Error::Database(error) => error.code().map(|code| code.into_owned()),
        sqlx::Error::Io(_) => None,
        error => panic!("{error}"),
    }
}
