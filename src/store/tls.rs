//! Whose certificates are believed.

use super::{ErrorKind, Result, StoreConfig, StoreError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::fmt;
use std::sync::Arc;

pub(super) fn client_config(config: &StoreConfig, https: bool) -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| StoreError::local(ErrorKind::Tls, "Connect", e.to_string()))?;
    if config.network.no_tls_verify {
        let anybody = Arc::new(Anybody(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth());
    }
    let mut roots = rustls::RootCertStore::empty();
    // Reading the system's certificates takes milliseconds: not for plain HTTP.
    if https {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in extra_certificates(config)? {
            roots.add(certificate).map_err(|e| tls_error(config, &e))?;
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn extra_certificates(config: &StoreConfig) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = &config.ca_file else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).map_err(|e| tls_error(config, &e))?;
    let found: Vec<_> = rustls_pemfile::certs(&mut pem.as_slice())
        .collect::<std::io::Result<_>>()
        .map_err(|e| tls_error(config, &e))?;
    if found.is_empty() {
        return Err(tls_error(config, &"it holds no PEM certificate"));
    }
    Ok(found)
}

fn tls_error(config: &StoreConfig, cause: &dyn fmt::Display) -> StoreError {
    let path = config.ca_file.as_deref().unwrap_or(std::path::Path::new("")).display();
    StoreError::local(ErrorKind::Tls, "Connect", format!("cannot use the certificate file {path}: {cause}"))
}

/// `--no-tls-verify`: any certificate will do; the handshake must still be made with its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
