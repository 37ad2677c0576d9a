//! Mutual TLS between the workloads (X3): who may connect, who may call what, and certificates that change.

mod stranger;

use std::{fs, path::PathBuf, time::Duration};

use crewup_issuer::Person;
use crewup_proto::{call::CALLS, crewup::user::internal::v1::EnsureUserRequest};
use crewup_tests::{
    Mesh,
    persona::{party, request_id},
    pki::{Authority, id, pki, settings},
    raw,
    refusal::reason,
};
use prost::Message as _;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::process::Process;
use stranger::showing;

const GET_ME: &str = "/crewup.user.v1.UserService/GetMe";
const ENSURE_USER: &str = "/crewup.user.internal.v1.UserInternalService/EnsureUser";
const DESCRIBE: &str = "/crewup.user.internal.v1.UserInternalService/DescribeObject";
const SERVICES: [&str; 5] = ["event", "group", "user", "safety", "moderation"];

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("crewup-authority-{}", request_id()))
}

/// Whether a call over `channel` reaches the service `name`, which then asks for a token.
async fn is_let_in(channel: Channel, name: &str) -> bool {
    let call = CALLS.iter().find(|call| call.path.starts_with(&format!("/crewup.{name}.v1."))).unwrap();
    let status = raw::call_by(channel, call.path, &[], Vec::new()).await.expect_err("no token was shown");
    match status.code() {
        Code::Unauthenticated => true,
        Code::Unavailable | Code::Unknown | Code::Cancelled => false,
        // What TLS says is no HTTP/2.
        Code::Internal if status.message() == "h2 protocol error: http2 error" => false,
        _ => panic!("{status:?}"),
    }
}

#[tokio::test]
async fn x3_a_service_lets_in_by_certificate_whom_the_policy_names_and_nobody_else() {
    let mesh = Mesh::start().await;
    let (ours, other) = (pki(), Authority::new(folder()));
    for name in SERVICES {
        let addr = mesh.addr(name).unwrap();
        // The edge for people, a developer in development; of the services those that the contracts name.
        for caller in ["edge", "development"].into_iter().chain(SERVICES) {
            let named = match (caller, name) {
                ("edge" | "development", _) | ("moderation", "event" | "group" | "safety" | "user") => true,
                (caller, "user") => caller != "user",
                _ => false,
            };
            assert_eq!(is_let_in(ours.channel(caller, name, addr), name).await, named, "{caller} at {name}");
        }
        let plain = Endpoint::from_shared(format!("http://{addr}")).unwrap().connect_lazy();
        assert!(!is_let_in(plain, name).await, "without TLS at {name}");
        assert!(!is_let_in(showing(addr, None), name).await, "without a certificate at {name}");
        assert!(is_let_in(showing(addr, Some(ours.vouch(&[&id("edge")]))), name).await, "another one of the edge's");
        for names in [
            &["spiffe://crewup/stranger"] as &[_],
            &["spiffe://elsewhere/edge"],
            &["spiffe://crewup/edge/below"],
            &["spiffe://crewup/edge", "spiffe://crewup/moderation"],
            &["edge", "127.0.0.1"],
            &[],
        ] {
            assert!(!is_let_in(showing(addr, Some(ours.vouch(names))), name).await, "{names:?} at {name}");
        }
        let forged = other.vouch(&[&id("edge")]);
        assert!(!is_let_in(showing(addr, Some(forged)), name).await, "by another authority's word at {name}");
        let expired = ours.vouch_until(&[&id("edge")], 2020);
        assert!(!is_let_in(showing(addr, Some(expired)), name).await, "expired at {name}");
    }
}

#[tokio::test]
async fn x3_a_service_talks_to_nobody_who_is_not_the_very_service_that_it_means() {
    let mesh = Mesh::start().await;
    let addr = mesh.addr("group").unwrap();
    assert!(is_let_in(pki().channel("moderation", "group", addr), "group").await);
    assert!(!is_let_in(pki().channel("moderation", "event", addr), "event").await, "group is not event");
    let other = Authority::new(folder());
    other.issue("moderation", &[&id("moderation")]);
    assert!(!is_let_in(other.channel("moderation", "group", addr), "group").await, "by another authority's word");
}

#[tokio::test]
async fn x3_token_and_certificate_must_be_of_one_service_and_that_one_named_for_the_call() {
    let mesh = Mesh::start().await;
    let bearer = |token: String| format!("Bearer {token}");
    let person = bearer(mesh.issuer().token(&Person::named("host")));
    mesh.person("host").id().await;
    let service = |name: &str| bearer(mesh.issuer().service_token(name));
    let addr = mesh.addr("user").unwrap();
    let call = |certificate: &'static str, path: &'static str, token: String| {
        let (channel, person) = (pki().channel(certificate, "user", addr), person.clone());
        async move {
            let headers = [("authorization", token.as_bytes()), ("x-crewup-user-token", person.as_bytes())];
            raw::call_by(channel, path, &headers, EnsureUserRequest {}.encode_to_vec()).await
        }
    };
    call("event", ENSURE_USER, service("event")).await.unwrap();
    for (certificate, path, token, refused) in [
        // A service that has taken another's token, or a developer or the edge a service's.
        ("event", DESCRIBE, service("moderation"), "SERVICE_ONLY"),
        ("event", ENSURE_USER, service("group"), "SERVICE_ONLY"),
        ("edge", ENSURE_USER, service("event"), "SERVICE_ONLY"),
        ("development", ENSURE_USER, service("event"), "SERVICE_ONLY"),
        // A service at a call that is another's.
        ("event", DESCRIBE, service("event"), "SERVICE_ONLY"),
        // A service that uses what people showed it.
        ("event", GET_ME, person.clone(), "PERSON_ONLY"),
        ("event", ENSURE_USER, person.clone(), "SERVICE_ONLY"),
        ("edge", GET_ME, service("event"), "PERSON_ONLY"),
    ] {
        assert_eq!(reason(call(certificate, path, token).await), refused, "{certificate} {path}");
    }
    call("edge", GET_ME, person.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_certificates_and_authorities_are_exchanged_without_a_restart() {
    let mesh = Mesh::start().await;
    let (old, new) = (Authority::new(folder()), Authority::new(folder()));
    // What the services read.
    let served = Authority::new(folder());
    fs::copy(old.file(), served.file()).unwrap();
    for name in ["user", "event"] {
        let files = new.issue(name, &[&id(name)]);
        fs::rename(files.key, new.folder().join(format!("{name}.next"))).unwrap();
        let (certificate, key) = old.vouch(&[&id(name)]);
        fs::write(served.files(name).certificate, certificate).unwrap();
        fs::write(served.files(name).key, key).unwrap();
    }
    let start = |name: &str, more: &[(&str, &str)]| {
        let files = settings(&served.files(name));
        let mut all: Vec<_> = files.iter().map(|(variable, file)| (*variable, file.as_str())).collect();
        all.extend(more);
        Process::start(&mesh, name, &all)
    };
    let mut user = start("user", &[]);
    let mut event = start("event", &[("CREWUP_USER_URL", &format!("https://{}", user.addr))]);
    user.ready().await;
    event.ready().await;
    // Somebody new each time, so that the event service asks the user service.
    let addr = event.addr;
    let enters = async |authority: &Authority| {
        let edge = showing(addr, Some(authority.vouch(&[&id("edge")])));
        mesh.person(&request_id()).through(&edge).create(party(None)).await.is_ok()
    };
    assert!(enters(&old).await);
    assert!(!enters(&new).await, "nobody vouches for it yet");

    // Both authorities first, then the certificates of the new one, then the old authority goes.
    let both = [&old, &new].map(|authority| fs::read_to_string(authority.file()).unwrap()).concat();
    fs::write(served.file(), both).unwrap();
    until(async || enters(&new).await).await;
    assert!(enters(&old).await);
    for (name, process) in [("user", &mut user), ("event", &mut event)] {
        fs::copy(new.files(name).certificate, served.files(name).certificate).unwrap();
        let mut refused = async || process.logged().contains("a changed certificate is of no use");
        until(&mut refused).await;
    }
    assert!(enters(&new).await, "without its key a certificate changes nothing");
    for name in ["user", "event"] {
        fs::copy(new.folder().join(format!("{name}.next")), served.files(name).key).unwrap();
    }
    fs::copy(new.file(), served.file()).unwrap();
    until(async || !enters(&old).await).await;
    until(async || enters(&new).await).await;
}

async fn until(mut is: impl AsyncFnMut() -> bool) {
    let became = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), became).await.expect("it comes to that");
}

#[tokio::test]
async fn x3_production_starts_with_verified_connections_alone_and_says_what_is_missing() {
    let mesh = Mesh::start().await;
    let issuer = ("CREWUP_ISSUER", "https://identity.example/realms/crewup");
    let verified = format!("{}?sslmode=verify-full&sslrootcert=/ca.crt", mesh.db.url_as("event"));
    let database = ("DATABASE_URL", verified.as_str());
    let production =
        [("CREWUP_MODE", "production"), issuer, database, ("CREWUP_CLIENT_SECRET", "not the one of development")];
    let others = settings(&pki().files("group"));
    for (setting, says) in [
        (
            ("CREWUP_ISSUER", "http://identity.example/realms/crewup"),
            "CREWUP_ISSUER: an issuer by http or on this machine",
        ),
        (("CREWUP_ISSUER", "https://localhost/realms/crewup"), "CREWUP_ISSUER: an issuer by http or on this machine"),
        (("CREWUP_ISSUER", "https://127.0.0.1/realms/crewup"), "CREWUP_ISSUER: an issuer by http or on this machine"),
        (("DATABASE_URL", &mesh.db.url_as("event")), "DATABASE_URL: a server that is not verified"),
        (
            ("DATABASE_URL", "postgres://crewup:crewup_dev_password@db/crewup?sslmode=verify-full"),
            "DATABASE_URL: the development password",
        ),
        (("CREWUP_CLIENT_SECRET", "crewup_dev_secret"), "CREWUP_CLIENT_SECRET: the development secret"),
        (("CREWUP_USER_URL", "http://user:50053"), "CREWUP_USER_URL: begins with https:"),
        ((others[0].0, &others[0].1), "it is of spiffe://crewup/group, and must be of spiffe://crewup/event"),
        (("CREWUP_TLS_CERT_FILE", "/nowhere"), "CREWUP_TLS_CERT_FILE: /nowhere"),
    ] {
        let settings: Vec<_> = production.into_iter().chain([setting]).collect();
        let mut process = Process::start(&mesh, "event", &settings);
        let status = process.ended().await;
        let said = process.logged();
        assert_eq!(status.code(), Some(64), "{setting:?}: {said}");
        assert!(said.contains(says), "{setting:?}: {said}");
    }
    let mut bare = Process::start_without(
        &mesh,
        "event",
        &production,
        &["CREWUP_TLS_CERT_FILE", "CREWUP_TLS_KEY_FILE", "CREWUP_TLS_CA_FILE"],
    );
    assert_eq!(bare.ended().await.code(), Some(64));
    assert!(bare.logged().contains("CREWUP_TLS_CERT_FILE: is required"), "{}", bare.logged());
}
