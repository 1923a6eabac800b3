//! A browser that is logged in to the console: it has a cookie, sends forms, and reads pages as text.

use std::io::{Read, Write};
use std::net::TcpStream;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::console_access::create_link;
use hookpoint::admin::role::Role;
use url::form_urlencoded::Serializer;

use crate::support::{Options, TestApp, TestSettings};

/// An application with a console.
pub async fn app_with_console() -> TestApp {
    let settings =
        TestSettings::demo().with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    TestApp::start_with(Options::from(settings)).await
}

/// A person who is logged in.
pub struct Browser {
    host: String,
    cookie: String,
}

/// A page, or where a form leads.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    /// Where to go. Empty for a page.
    pub location: String,
    /// As the server sent it.
    pub html: String,
}

impl Browser {
    pub async fn log_in(app: &TestApp, role: Role, person: &str) -> Self {
        let by = Attribution { by: "test", reason: "", via: Via::Command };
        let now = app.clock.now();
        let code = create_link(app.pool(), &app.brand, (role, person), by, now).await.unwrap();
        let origin = app.application.console.as_ref().unwrap().origin();
        let host = origin.strip_prefix("http://").unwrap().to_owned();
        let nobody = Self { host, cookie: String::new() };
        let code = format!("demo.{}", code.reveal());
        let (head, _) = nobody.exchange("POST", "/login", form(&[("code", &code)])).await;
        let cookie = header(&head, "set-cookie").split(';').next().unwrap().to_owned();
        assert!(cookie.starts_with("hookpoint-demo="), "{head}");
        Self { cookie, ..nobody }
    }

    /// A page of the demo's brand.
    pub async fn get(&self, path: &str) -> Page {
        self.page("GET", path, String::new()).await
    }

    /// Sends a form to the demo's brand.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.page("POST", path, form(fields)).await
    }

    async fn page(&self, method: &str, path: &str, body: String) -> Page {
        let path =
            if path.starts_with("/demo/") { path.to_owned() } else { format!("/demo{path}") };
        let (head, html) = self.exchange(method, &path, body).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, location: header(&head, "location"), html }
    }

    async fn exchange(&self, method: &str, path: &str, body: String) -> (String, String) {
        let Self { host, cookie } = self;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let host = host.clone();
        let exchange = move || {
            let mut stream = TcpStream::connect(host).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            let (head, html) = text.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), html.to_owned())
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn header(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = fields.filter(|(own, _)| own.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
}

impl Page {
    /// The page, if it is one.
    pub fn shown(self) -> Self {
        assert_eq!(self.status, 200, "{} {}", self.location, self.html);
        self
    }

    /// As a person reads it, with the paths of links.
    pub fn text(&self) -> String {
        let mut text = self.html.clone();
        for (escaped, character) in [
            ("&#x2f;", "/"),
            ("&#x27;", "'"),
            ("&quot;", "\""),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&amp;", "&"),
        ] {
            text = text.replace(escaped, character);
        }
        text
    }

    pub fn has(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The paths of links that begin like this.
    pub fn links(&self, beginning: &str) -> Vec<String> {
        let text = self.text();
        let paths = text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        paths.filter(|path| path.starts_with(beginning)).map(ToOwned::to_owned).collect()
    }

    /// The hidden fields of forms.
    pub fn hidden(&self) -> Vec<(String, String)> {
        let text = self.text();
        let fields = text.split("<input type=\"hidden\" name=\"").skip(1);
        let field = |rest: &str| {
            let mut parts = rest.split('"');
            (parts.next().unwrap().to_owned(), parts.nth(1).unwrap().to_owned())
        };
        fields.map(field).collect()
    }
}
