//! What it costs that nobody is trusted: a call by mutual TLS on every hop, PostgreSQL's too, and a call that is counted, each
//! beside the same without.

use std::{path::Path, sync::Arc, time::Duration};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::{
    Failure, calls,
    host::{Process, edge, listening},
    load::{self, Door},
    rounds::{Bench, Sample, wanted},
};

const NAME: &str = "Trust";
/// Of what the contract says. So small that the callers of the bench, who each make two or three calls a second, use up what
/// a replica has for itself, and draw; and large enough that none is refused.
const QUOTA_PERCENT: &str = "20";
/// Until every caller has been seen.
const WARM: Duration = Duration::from_secs(3);

/// A way to make the same call.
pub struct Way {
    pub name: &'static str,
    pub samples: Vec<Sample>,
}

/// Who is called, and how.
struct Route<'a> {
    name: &'static str,
    service: &'a Process,
    envoy: Option<&'a Process>,
    tls: Option<TlsConnector>,
}

/// GetEvent by each way, round by round.
pub async fn all(bench: &Bench, only: &str) -> Result<Vec<Way>, Failure> {
    if !wanted(only, NAME) {
        return Ok(Vec::new());
    }
    let mesh = bench.places.mesh.as_path();
    let url = bench.world.url("event");
    // As young as the others: the one that all calls are measured at has seen more people.
    let plain = bench.host.another(&bench.places, "event", "plain", &url, &[])?;
    let plain_envoy = edge(&bench.places, "plain-envoy", &[("event", plain.addr)], None)?;
    let counting = bench.host.another(
        &bench.places,
        "event",
        "counting",
        &url,
        &[("CREWUP_QUOTA_PERCENT", QUOTA_PERCENT.into())],
    )?;
    let url = bench.world.url_by_tls("event", mesh);
    let secured = bench.host.another(&bench.places, "event", "secured", &url, &certificates(mesh, "event"))?;
    let envoy = edge(&bench.places, "secured-envoy", &[("event", secured.addr)], Some(mesh))?;
    for addr in [plain.addr, plain_envoy.addr, counting.addr, secured.addr, envoy.addr] {
        listening(addr).await?;
    }
    let tls = Some(connector(mesh)?);
    let routes = [
        Route { name: "straight", service: &plain, envoy: None, tls: None },
        Route { name: "straight, quotas that are drawn on", service: &counting, envoy: None, tls: None },
        Route { name: "straight, mutual TLS", service: &secured, envoy: None, tls: tls.clone() },
        Route { name: "Envoy", service: &plain, envoy: Some(&plain_envoy), tls: None },
        Route { name: "Envoy, TLS on every hop", service: &secured, envoy: Some(&envoy), tls },
    ];
    let case = calls::named("GetEvent")?;
    let mut ways: Vec<_> = routes.iter().map(|route| Way { name: route.name, samples: Vec::new() }).collect();
    for route in &routes {
        load::run(route.door(), &bench.tokens, bench.in_flight, WARM, case.calls()).await?;
    }
    for round in 0..bench.rounds {
        for (route, way) in routes.iter().zip(&mut ways) {
            eprintln!("round {}: trust, {}", round + 1, route.name);
            let envoy = route.envoy.map(Process::pid);
            way.samples.push(bench.sample(route.service, route.door(), envoy, case.calls()).await?);
        }
    }
    Ok(ways)
}

impl Route<'_> {
    fn door(&self) -> Door {
        Door { addr: self.envoy.unwrap_or(self.service).addr, tls: self.tls.clone() }
    }
}

/// The settings of a service that shows a certificate.
fn certificates(mesh: &Path, name: &str) -> [(&'static str, String); 3] {
    let file = |name: &str| mesh.join(name).display().to_string();
    [
        ("CREWUP_TLS_CERT_FILE", file(&format!("{name}.crt"))),
        ("CREWUP_TLS_KEY_FILE", file(&format!("{name}.key"))),
        ("CREWUP_TLS_CA_FILE", file("ca.crt")),
    ]
}

/// A developer's connections: to the services and to the edge, which has a certificate of the same authority here.
fn connector(mesh: &Path) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(mesh.join("ca.crt"))?)?;
    let chain = vec![CertificateDer::from_pem_file(mesh.join("development.crt"))?];
    let key = PrivateKeyDer::from_pem_file(mesh.join("development.key"))?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
