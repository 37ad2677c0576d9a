//! Who a certificate is of: its SPIFFE ID, `spiffe://crewup/<workload>`, is the one URI among its alternative names.

use tokio_rustls::rustls::pki_types::CertificateDer;

/// The workload that everyone outside comes through.
pub const EDGE: &str = "edge";
/// A developer's own certificate; only a service in development takes it, and as it takes the edge.
pub const DEVELOPMENT: &str = "development";

const DOMAIN: &str = "spiffe://crewup/";

/// The workload's ID.
pub(super) fn id(name: &str) -> String {
    format!("{DOMAIN}{name}")
}

/// The workload that a certificate is of. None: of none of ours, or it does not say so in the one way that is allowed
/// (SPIFFE X.509-SVID, 2: exactly one URI).
pub(super) fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut ids = certificate.valid_uri_names();
    let name = ids.next()?.strip_prefix(DOMAIN)?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_name && ids.next().is_none()).then(|| name.to_owned())
}
