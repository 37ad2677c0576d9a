//! The certificates of the mesh under test: an authority of this process's own, and one certificate for each workload.

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use crewup_shared::tls::{Files, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tonic::transport::{Channel, Endpoint};

/// Everybody who has a certificate in these tests.
const WORKLOADS: [&str; 7] = ["edge", "development", "event", "group", "user", "safety", "moderation"];

/// An authority, and a folder with the files of those for whom it vouches.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// By workload, once they were shown.
    shown: Mutex<HashMap<String, Arc<Tls>>>,
}

impl Authority {
    /// A new one, whose files are in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CrewUp under test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("an authority");
        fs::write(folder.join("ca.crt"), certificate.pem()).expect("a file");
        Self { folder, issuer: Issuer::new(params, key), shown: Mutex::default() }
    }

    /// The file with its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The PEM of a certificate with these names, and of its key.
    pub fn vouch(&self, names: &[&str]) -> (String, String) {
        self.vouch_until(names, 4096)
    }

    /// As [`Self::vouch`], good until the beginning of a year.
    pub fn vouch_until(&self, names: &[&str], year: i32) -> (String, String) {
        let mut params = CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(addr) => SanType::IpAddress(addr),
                Err(_) if name.contains("://") => SanType::URI((*name).try_into().expect("ASCII")),
                Err(_) => SanType::DnsName((*name).try_into().expect("ASCII")),
            });
        }
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    /// Writes a certificate with these names, and its key, as those of `workload`. The key is there before the certificate.
    pub fn issue(&self, workload: &str, names: &[&str]) -> Files {
        let (certificate, key) = self.vouch(names);
        let files = self.files(workload);
        fs::write(&files.key, key).expect("a file");
        fs::write(&files.certificate, certificate).expect("a file");
        files
    }

    /// Where the files of a workload are.
    pub fn files(&self, workload: &str) -> Files {
        let file = |ending: &str| self.folder.join(format!("{workload}.{ending}"));
        Files { certificate: file("crt"), key: file("key"), authorities: self.file() }
    }

    /// The settings of a workload's certificate: variable and value.
    pub fn settings(&self, workload: &str) -> [(&'static str, String); 3] {
        settings(&self.files(workload))
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A channel to the workload `to` at `addr`, with the certificate of `from`.
    pub fn channel(&self, from: &str, to: &str, addr: SocketAddr) -> Channel {
        let mut shown = self.shown.lock().expect("nobody panics with it");
        let tls = shown
            .entry(from.to_owned())
            .or_insert_with(|| Arc::new(Tls::load(self.files(from), from, []).expect("a workload with a certificate")));
        let endpoint = Endpoint::from_shared(format!("http://{addr}")).expect("an address");
        let endpoint = endpoint.connect_timeout(Duration::from_secs(10)).timeout(Duration::from_secs(20));
        tls.channel(addr, to, endpoint)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The settings for files: variable and value.
pub fn settings(files: &Files) -> [(&'static str, String); 3] {
    let text = |path: &Path| path.display().to_string();
    [
        ("CREWUP_TLS_CERT_FILE", text(&files.certificate)),
        ("CREWUP_TLS_KEY_FILE", text(&files.key)),
        ("CREWUP_TLS_CA_FILE", text(&files.authorities)),
    ]
}

/// The SPIFFE ID of a workload.
pub fn id(workload: &str) -> String {
    format!("spiffe://crewup/{workload}")
}

/// The authority of the mesh, with a certificate for every workload.
pub fn pki() -> &'static Authority {
    static PKI: OnceLock<Authority> = OnceLock::new();
    PKI.get_or_init(|| {
        sweep();
        let authority = Authority::new(folder(std::process::id()));
        for workload in WORKLOADS {
            authority.issue(workload, &[&id(workload)]);
        }
        authority
    })
}

fn folder(process: u32) -> PathBuf {
    std::env::temp_dir().join(format!("crewup-pki-{process}"))
}

/// Removes what earlier processes left: what is static is never dropped.
fn sweep() {
    let left = fs::read_dir(std::env::temp_dir()).expect("a folder").flatten();
    for entry in left {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("crewup-pki-")?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
