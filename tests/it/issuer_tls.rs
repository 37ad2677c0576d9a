//! An issuer behind TLS (X4): reached by whom its authority vouches for, and refused otherwise.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Json, Router, routing::get};
use crewup_issuer::Person;
use crewup_proto::user::GetMeRequest;
use crewup_tests::{Mesh, persona::request_id, refusal::reason};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
    server::TlsStream,
};

use crate::process::Process;

/// Serves by TLS with a certificate of its own making for `localhost`.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, addr) = self.listener.accept().await.unwrap();
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The mesh's issuer once more, behind TLS: its URL, and a file with the authority that vouches for it.
async fn behind_tls(mesh: &Mesh) -> (String, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let authority = std::env::temp_dir().join(format!("crewup-ca-{}.pem", request_id()));
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/realms/crewup", listener.local_addr().unwrap().port());

    let keys = format!("{url}/certs");
    let issuer = mesh.issuer();
    let router = Router::new()
        .route(
            "/realms/crewup/.well-known/openid-configuration",
            get(|| async move { Json(json!({ "jwks_uri": keys })) }),
        )
        .route("/realms/crewup/certs", get(move || async { Json(issuer.jwks()) }));
    let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config.unwrap())) };
    tokio::spawn(async { axum::serve(tls, router).await });
    (url, authority)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x4_an_issuer_behind_tls_is_read_where_its_authority_is_trusted_and_refused_where_not() {
    let mesh = Mesh::start().await;
    let (url, authority) = behind_tls(&mesh).await;
    let mut claims = mesh.issuer().claims(&Person::named("host"));
    claims["iss"] = json!(url);
    let token = mesh.issuer().mint(&claims, &json!({}));
    let file = authority.to_str().unwrap();

    let trusting = Process::start(&mesh, "user", &[("CREWUP_ISSUER", &url), ("CREWUP_ISSUER_CA_FILE", file)]);
    trusting.ready().await;
    let host = mesh.with_token(token.clone());
    host.users_at(trusting.addr).get_me(GetMeRequest {}).await.unwrap();

    let (_, another) = behind_tls(&mesh).await;
    let file = another.to_str().unwrap();
    let mut strict = Process::start(&mesh, "user", &[("CREWUP_ISSUER", &url), ("CREWUP_ISSUER_CA_FILE", file)]);
    strict.alive().await;
    assert_eq!(reason(host.users_at(strict.addr).get_me(GetMeRequest {}).await), "IDENTITY_UNAVAILABLE");
    let log = strict.logged();
    assert!(log.contains("invalid peer certificate"), "the operator is told why: {log}");
    for file in [authority, another] {
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn a_wrong_file_of_authorities_or_none_at_all_is_one_clear_line() {
    let mesh = Mesh::start().await;
    let https = ("CREWUP_ISSUER", "https://issuer.example/realms/crewup");
    let none = [https, ("SSL_CERT_FILE", "/nonexistent.pem"), ("SSL_CERT_DIR", "/nonexistent")];
    let wrong = [https, ("CREWUP_ISSUER_CA_FILE", "/nonexistent.pem")];
    for (settings, named) in [(&wrong[..], "CREWUP_ISSUER_CA_FILE"), (&none, "CREWUP_ISSUER")] {
        let mut process = Process::start(&mesh, "user", settings);
        assert_eq!(process.ended().await.code(), Some(64));
        let said = process.logged();
        assert!(said.starts_with(named) && said.trim_end().lines().count() == 1, "{said}");
    }
}
