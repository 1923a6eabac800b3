//! Why the API document cannot be rendered.

/// Why the API document cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A template is wrong.
    #[error("the API document cannot be rendered: {0}")]
    Template(#[from] minijinja::Error),
    /// A text is not JSON.
    #[error("the API document is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}
