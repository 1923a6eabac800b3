//! The sockets on which the service listens.

use std::net::{SocketAddr, TcpListener};

use super::error::StartError;
use crate::settings::SettingsFile;
use crate::settings::file::ServerSettings;

/// The sockets of the service.
pub(super) struct Listeners {
    /// For lookups and webhooks.
    pub public: TcpListener,
    /// For the metrics, if they are served.
    pub metrics: Option<TcpListener>,
    /// For the console, if it is served.
    pub console: Option<TcpListener>,
}

impl Listeners {
    /// Listens on the addresses of the settings. It comes first, so that an address in use ends the start at once.
    pub(super) fn bind(file: &SettingsFile) -> Result<Self, StartError> {
        let further = |address: &str| (!address.is_empty()).then(|| bind(address)).transpose();
        Ok(Self {
            public: bind(&file.server.listen)?,
            metrics: further(&file.server.metrics_listen)?,
            console: further(&file.console.listen)?,
        })
    }

    /// Further handles of the same sockets.
    pub(super) fn try_clone(&self) -> std::io::Result<Self> {
        let further = |listener: &Option<TcpListener>| {
            listener.as_ref().map(TcpListener::try_clone).transpose()
        };
        Ok(Self {
            public: self.public.try_clone()?,
            metrics: further(&self.metrics)?,
            console: further(&self.console)?,
        })
    }

    /// Address of lookups and webhooks.
    pub(super) fn address(&self, server: &ServerSettings) -> SocketAddr {
        local(&self.public, server)
    }

    /// Address of the metrics, if they are served.
    pub(super) fn metrics_address(&self, server: &ServerSettings) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|listener| local(listener, server))
    }

    /// Address of the console, if it is served.
    pub(super) fn console_address(&self, server: &ServerSettings) -> Option<SocketAddr> {
        self.console.as_ref().map(|listener| local(listener, server))
    }
}

fn bind(address: &str) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(StartError::listen(address))
}

fn local(listener: &TcpListener, server: &ServerSettings) -> SocketAddr {
    let fallback =
        || server.listen.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
    listener.local_addr().unwrap_or_else(|_| fallback())
}
