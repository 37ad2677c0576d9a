//! Whose certificates are taken: the authorities' word for the certificate as rustls checks it, and then its SPIFFE ID. A
//! server is not looked for by its host name, because replicas are called by their addresses.

use std::{collections::BTreeSet, sync::Arc};

use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{files::Pem, spiffe};

/// The one library of cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Refuses a certificate of another workload than `allowed` says.
fn must_be(certificate: &CertificateDer<'_>, allowed: impl Fn(&str) -> bool) -> Result<(), Error> {
    match spiffe::name(certificate) {
        Some(name) if allowed(&name) => Ok(()),
        _ => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
    }
}

/// Takes clients that are one of some workloads.
#[derive(Debug)]
pub(super) struct OnlyThese {
    chain: Arc<dyn ClientCertVerifier>,
    names: Arc<BTreeSet<String>>,
}

impl OnlyThese {
    pub(super) fn new(pem: &Pem, names: Arc<BTreeSet<String>>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(pem.roots()), Arc::clone(provider));
        Ok(Self { chain: builder.build().map_err(|error| error.to_string())?, names })
    }
}

impl ClientCertVerifier for OnlyThese {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end, between, now)?;
        must_be(end, |name| self.names.contains(name))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Takes a server that is one workload.
#[derive(Debug)]
pub(super) struct OnlyOf {
    roots: RootCertStore,
    name: String,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OnlyOf {
    pub(super) fn new(pem: &Pem, name: &str, provider: &CryptoProvider) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { roots: pem.roots(), name: name.to_owned(), algorithms }
    }
}

impl ServerCertVerifier for OnlyOf {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, self.algorithms.all)?;
        must_be(end, |name| name == self.name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
