//! The sockets on which the service listens.

use std::net::{SocketAddr, TcpListener};

use super::error::StartError;
use crate::settings::file::ServerSettings;

/// The sockets of the service.
pub(super) struct Listeners {
    /// For lookups and webhooks.
    pub public: TcpListener,
    /// For the metrics, if they are served.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Listens on the addresses of the settings. It comes first, so that an address in use ends the start at once.
    pub(super) fn bind(server: &ServerSettings) -> Result<Self, StartError> {
        let public = bind(&server.listen)?;
        let metrics = (!server.metrics_listen.is_empty()).then(|| bind(&server.metrics_listen));
        Ok(Self { public, metrics: metrics.transpose()? })
    }

    /// Further handles of the same sockets.
    pub(super) fn try_clone(&self) -> std::io::Result<Self> {
        let metrics = self.metrics.as_ref().map(TcpListener::try_clone).transpose()?;
        Ok(Self { public: self.public.try_clone()?, metrics })
    }

    /// Address of lookups and webhooks.
    pub(super) fn address(&self, server: &ServerSettings) -> SocketAddr {
        local(&self.public, server)
    }

    /// Address of the metrics, if they are served.
    pub(super) fn metrics_address(&self, server: &ServerSettings) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|listener| local(listener, server))
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
