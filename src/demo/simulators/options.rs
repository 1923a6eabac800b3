//! Behaviour of the systems that their documentation leaves open, or that a test changes.

/// Options that may change while the systems run.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// OmnioTap's requests per window.
    pub calls: u32,
    /// The length of the window, in seconds.
    pub window_seconds: u32,
    /// How OmnioTap wraps a list. The format is not published.
    pub envelope: Envelope,
    /// The lifetime of tokens, in seconds.
    pub token_seconds: u32,
    /// The largest page size. A request for more gets this size.
    pub max_page: usize,
    /// Whether Syncaroo's bookings contain the names of room and location. Otherwise they contain ids only.
    pub names_places: bool,
    /// The origin of links and URLs in responses. `None`: the system itself.
    pub links_lead_to: Option<String>,
}

impl Default for SimulatorOptions {
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

/// The format of a list.
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
