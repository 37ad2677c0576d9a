//! Reading the files.

use std::path::Path;

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::Files;

/// What is in the files.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    authorities: Vec<CertificateDer<'static>>,
}

impl Pem {
    /// # Errors
    /// The path of the file that is of no use, and why.
    pub(super) fn read(files: &Files) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| at(&files.key, &error))?;
        Ok(Self { chain: certificates(&files.certificate)?, key, authorities: certificates(&files.authorities)? })
    }

    /// The authorities whose word counts.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.authorities.iter().cloned());
        roots
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(at(file, &"it holds no certificate in PEM")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(at(file, &error)),
    }
}

fn at(file: &Path, why: &dyn std::fmt::Display) -> String {
    format!("{}: {why}", file.display())
}
