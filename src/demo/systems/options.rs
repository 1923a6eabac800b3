//! How the systems behave where their documents leave it open, or a test wants it otherwise.

/// What may be changed while they run.
#[derive(Debug, Clone)]
pub struct Terms {
    /// OmnioTap's calls in a window.
    pub calls: u32,
    /// How long the window is.
    pub window_seconds: u32,
    /// How OmnioTap wraps a list, which isn't published.
    pub envelope: Envelope,
    /// For how long tokens live.
    pub token_seconds: u32,
    /// Items of the largest page: who asks for more gets so many.
    pub max_page: usize,
    /// Whether Syncaroo's bookings name their room and place; else they only have ids.
    pub names_places: bool,
    /// Where links and URLs lead that the systems give; `None`: to themselves.
    pub links_lead_to: Option<String>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            calls: 60,
            window_seconds: 60,
            envelope: Envelope::Pagination,
            token_seconds: 3_600,
            max_page: 500,
            names_places: true,
            links_lead_to: None,
        }
    }
}

/// How a list is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `{"data":[..],"pagination":{"page","limit","total","totalPages"}}`
    Pagination,
    /// The list itself.
    Bare,
    /// `{"contacts":[..],"total":3}`
    Named,
    /// `{"items":[..]}`
    Items,
}
