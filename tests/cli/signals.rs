//! What a supervisor sends the service, and what the service reports to it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::command::{Running, Scratch, TIMEOUT, command};

/// The messages of `sd_notify`, until this one.
fn receive_until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut messages = Vec::new();
    while messages.last().is_none_or(|last: &String| last != wanted) {
        let mut buffer = [0; 256];
        let bytes =
            socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{error}: {messages:?}"));
        messages.push(String::from_utf8(buffer[..bytes].to_vec()).unwrap().trim().to_owned());
    }
    messages
}

#[test]
fn systemd_hears_when_the_service_is_ready_alive_reloading_and_stopping() {
    let scratch = Scratch::new();
    let socket = UnixDatagram::bind(scratch.0.join("notify")).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let settings = scratch.settings(&scratch.dir("data"), "");
    let mut serve = command(&settings, &["serve"]);
    serve.env("NOTIFY_SOCKET", scratch.0.join("notify")).env("WATCHDOG_USEC", "200000");
    let service = Running::serve(&mut serve);
    let messages = receive_until(&socket, "READY=1");
    assert!(!messages.contains(&"STOPPING=1".to_owned()), "{messages:?}");
    let pid = service.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let messages = receive_until(&socket, "READY=1");
    let reloading = messages.iter().find(|message| message.starts_with("RELOADING=1"));
    assert!(reloading.is_some_and(|it| it.contains("MONOTONIC_USEC=")), "{messages:?}");
    for _ in 0..3 {
        receive_until(&socket, "WATCHDOG=1");
    }
    service.stop();
    receive_until(&socket, "STOPPING=1");
}
