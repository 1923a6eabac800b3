//! A person in the console: logs in, opens pages, sends forms, and reads pages as text.

use super::*;

/// A person in the console.
pub struct Person<'a> {
    pub app: &'a TestApp,
    pub cookie: String,
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

impl From<Response> for Page {
    fn from(response: Response) -> Self {
        let location = response.header("location").unwrap_or_default().to_owned();
        Self { status: response.status, location, html: response.body }
    }
}

impl<'a> Person<'a> {
    /// Logs in with a link.
    pub async fn enter(app: &'a TestApp, role: Role) -> Self {
        Self::log_in(app, role, "Femke").await
    }

    /// Logs in under a name.
    pub async fn log_in(app: &'a TestApp, role: Role, name: &str) -> Self {
        let code = link_for(app, &app.brand, role, name).await;
        let response = super::submit(app, "/login", "", &[("code", &code)]).await;
        assert_eq!(response.status, 303, "{}", response.body);
        let cookie = response.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { app, cookie }
    }

    /// A path of the demo's brand.
    fn path(path: &str) -> String {
        if path.starts_with("/demo/") { path.to_owned() } else { format!("/demo{path}") }
    }

    /// Opens a page of the brand.
    pub async fn open(&self, path: &str) -> Response {
        super::open(self.app, &Self::path(path), &self.cookie).await
    }

    /// Opens a page that exists.
    pub async fn page(&self, path: &str) -> String {
        let response = self.open(path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        response.body
    }

    /// Sends a form. Goes on to the page that answers it, as browsers do, if the form asks for something.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let response = super::submit(self.app, &Self::path(path), &self.cookie, fields).await;
        match response.header("location") {
            Some(location) if location.contains("?asked=") => self.open(location).await,
            _ => response,
        }
    }

    /// The address of the page that answers a form.
    pub async fn address_of(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let response = super::submit(self.app, &Self::path(path), &self.cookie, fields).await;
        assert_eq!(response.status, 303, "{path}: {}", response.body);
        response.header("location").unwrap().to_owned()
    }

    /// Opens a page, to read it.
    pub async fn get(&self, path: &str) -> Page {
        self.open(path).await.into()
    }

    /// Sends a form, to read what comes of it.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.submit(path, fields).await.into()
    }
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
