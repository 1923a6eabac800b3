//! Short time slices, for threads that others wait for.

/// The length of a slice, in nanoseconds. The kernel's own is some milliseconds.
#[cfg(target_os = "linux")]
const SLICE: u64 = 100_000;

/// `SCHED_FLAG_RESET_ON_FORK` of Linux.
#[cfg(target_os = "linux")]
const RESET_ON_FORK: u64 = 1;

/// Asks the kernel to let this thread go first when it wakes while others are busy: a thread with shorter slices does. Its
/// share of the processors stays the same. Linux has this since 6.12; without it, nothing changes. Threads that this one
/// starts have the usual slices.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor rustix can set the length of slices")]
pub fn ask_for_short_slices() {
    let size = size_of::<libc::sched_attr>();
    let mut attributes = libc::sched_attr {
        size: 0,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `size` bytes, all of `attributes`. The thread 0 is this one.
    let read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    // Whoever chose another policy had a reason.
    if read != 0 || i32::try_from(attributes.sched_policy) != Ok(libc::SCHED_OTHER) {
        return;
    }
    attributes.sched_runtime = SLICE;
    attributes.sched_flags |= RESET_ON_FORK;
    // SAFETY: the kernel reads `attributes`, and keeps nothing of it. If it refuses, nothing has changed.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// Only Linux can be asked.
#[cfg(not(target_os = "linux"))]
pub fn ask_for_short_slices() {}
