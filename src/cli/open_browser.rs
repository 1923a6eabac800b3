//! Opens a page in the browser of the person at this machine.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// The program of the system that opens a file.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// How long the program may take to say that it failed. The file stays as long, so that a browser can start.
const TIMEOUT: Duration = Duration::from_secs(5);

const STEP: Duration = Duration::from_millis(50);

/// Opens a page whose URL is a secret. Everybody on this machine can see the arguments of programs, so the browser gets a
/// file that only this user can read, and that leads to the page. The file is deleted after some seconds.
///
/// # Errors
/// Why no browser opened.
pub(super) async fn open_browser(url: &str) -> Result<(), String> {
    let file = redirect(url).map_err(|error| format!("no file can be written: {error}"))?;
    let mut opener = Command::new(OPENER)
        .arg(file.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{OPENER} cannot be started: {error}"))?;
    let begun = Instant::now();
    let mut has_ended = false;
    while begun.elapsed() < TIMEOUT {
        has_ended = has_ended || succeeded(&mut opener)?;
        tokio::time::sleep(STEP).await;
    }
    Ok(())
}

/// Whether the program has ended well. It may also go on, as the browser.
fn succeeded(opener: &mut Child) -> Result<bool, String> {
    match opener.try_wait() {
        Ok(Some(status)) if status.success() => Ok(true),
        Ok(None) => Ok(false),
        Ok(Some(_)) | Err(_) => Err(format!("{OPENER} failed")),
    }
}

/// A page that leads to another one. Only this user can read the file.
fn redirect(url: &str) -> std::io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("hookpoint-").suffix(".html").tempfile()?;
    let url = url.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    write!(
        file,
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\"><title>hookpoint</title>\
         <a href=\"{url}\">Open the console</a>"
    )?;
    file.flush()?;
    Ok(file)
}
