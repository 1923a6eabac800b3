//! A certificate authority that only explicitly configured clients trust, and its certificates.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// A certificate authority.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// The content of a certificate.
#[derive(Clone, Copy)]
pub struct Claim {
    /// The host.
    pub host: &'static str,
    /// Valid from the first day of this year.
    pub from: i32,
    /// Valid until the first day of this year.
    pub to: i32,
}

/// A valid certificate for a source on this machine.
pub const SOUND: Claim = Claim { host: "127.0.0.1", from: 2000, to: 3000 };

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    /// The TLS configuration of a source with such a certificate, for one protocol.
    pub fn greeting(&self, claim: Claim, protocol: &str) -> Arc<ServerConfig> {
        self.with(claim, protocol, false)
    }

    /// The same for a source that asks for a client certificate.
    pub fn curious(&self, claim: Claim, protocol: &str) -> Arc<ServerConfig> {
        self.with(claim, protocol, true)
    }

    fn with(&self, claim: Claim, protocol: &str, is_curious: bool) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![claim.host.to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(claim.from, 1, 1), date_time_ymd(claim.to, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if is_curious {
            let mut roots = RootCertStore::empty();
            roots.add(self.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let mut config =
            builder.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }
}
