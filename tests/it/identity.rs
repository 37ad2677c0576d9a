//! Who may call at all (X2-X4, U1). Every defect of a token at every call: tests/it/matrix/refused.rs.

use crewup_issuer::{Config, Issuer, Person, defects};
use crewup_proto::{call::Access, crewup::user::internal::v1::EnsureUserRequest};
use crewup_tests::{
    Mesh, cluster,
    persona::party,
    raw::{self, unary_calls},
    refusal::{reason, refused},
};
use prost::Message as _;

const ENSURE_USER: &str = "/crewup.user.internal.v1.UserInternalService/EnsureUser";

#[tokio::test]
async fn x4_what_only_looks_odd_is_accepted() {
    let mesh = Mesh::start().await;
    let get_me = "/crewup.user.v1.UserService/GetMe";
    for odd in defects::harmless(mesh.issuer(), &Person::named("guest")) {
        let token = odd.token.unwrap();
        let headers = [("authorization", token.as_bytes())];
        let answer = raw::call(mesh.addr("user").unwrap(), get_me, &headers, Vec::new()).await;
        assert!(answer.is_ok(), "{}: {answer:?}", odd.name);
    }
}

#[tokio::test]
async fn x4_the_reason_tells_missing_from_invalid_from_expired() {
    let mesh = Mesh::start().await;
    let expired = mesh.issuer().token(&Person::named("guest").with_issued_at(1_600_000_000));
    let missing = raw::call(mesh.addr("user").unwrap(), "/crewup.user.v1.UserService/GetMe", &[], Vec::new()).await;
    assert_eq!(reason(missing), "TOKEN_MISSING");
    assert_eq!(reason(mesh.with_token("garbage".into()).create(party(None)).await), "TOKEN_INVALID");
    assert_eq!(reason(mesh.with_token(expired).create(party(None)).await), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn x4_a_new_key_is_used_at_once_and_old_keys_serve_while_the_issuer_is_down() {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    let mesh = Mesh::with(cluster::database().await, issuer, &[]).await;
    let before = mesh.person("host");
    before.create(party(None)).await.unwrap();
    // Looks at the key set are at most one a second, whatever callers send.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    issuer.rotate().unwrap();
    let after = mesh.person("host");
    after.create(party(None)).await.unwrap();
    before.create(party(None)).await.unwrap();

    let fresh = issuer.token(&Person::named("host").with_issued_at(chrono_now() - 5));
    issuer.stop().unwrap();
    mesh.with_token(fresh).create(party(None)).await.unwrap();
    let unknown = issuer.rotate().map(|_| issuer.token(&Person::named("host"))).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(reason(mesh.with_token(unknown.clone()).create(party(None)).await), "IDENTITY_UNAVAILABLE");
    issuer.restart().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    mesh.with_token(unknown).create(party(None)).await.unwrap();
}

#[tokio::test]
async fn x4_unknown_keys_ask_the_issuer_at_a_bounded_rate() {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    let mesh = Mesh::with(cluster::database().await, issuer, &[]).await;
    mesh.person("host").create(party(None)).await.unwrap();
    let started = std::time::Instant::elapsed;
    let clock = crewup_shared::clock::instant();
    let before = issuer.certs_served();
    for number in 0..100 {
        let overrides = serde_json::json!({ "kid": format!("unknown-{number}") });
        let token = issuer.mint(&issuer.claims(&Person::named("host")), &overrides);
        assert_eq!(reason(mesh.with_token(token).create(party(None)).await), "TOKEN_INVALID");
    }
    let seconds = started(&clock).as_secs() + 1;
    assert!(issuer.certs_served() - before <= seconds, "more than one look a second");
}

#[tokio::test]
async fn x3_internal_calls_are_for_services_and_public_ones_for_people() {
    let mesh = Mesh::start().await;
    let person = format!("Bearer {}", mesh.issuer().token(&Person::named("host")));
    let service = format!("Bearer {}", mesh.issuer().service_token("event"));
    let admin = format!("Bearer {}", mesh.issuer().token(&Person::named("admin")));
    let user = mesh.addr("user").unwrap();
    let ensure = |who: &str, whom: Option<&str>| {
        let mut headers = vec![("authorization", who.as_bytes().to_vec())];
        headers.extend(whom.map(|whom| ("x-crewup-user-token", whom.as_bytes().to_vec())));
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
            raw::call(user, ENSURE_USER, &headers, EnsureUserRequest {}.encode_to_vec()).await
        }
    };
    ensure(&service, Some(&person)).await.unwrap();
    assert_eq!(reason(ensure(&person, Some(&person)).await), "SERVICE_ONLY");
    assert_eq!(reason(ensure(&admin, Some(&person)).await), "SERVICE_ONLY");
    assert_eq!(reason(ensure(&service, None).await), "TOKEN_MISSING");
    assert_eq!(reason(ensure(&service, Some("Bearer x")).await), "TOKEN_INVALID");
    assert_eq!(reason(ensure(&service, Some(&service)).await), "PERSON_ONLY");
    for (name, call) in unary_calls().filter(|(_, call)| !call.access.contains(&Access::Service)) {
        let headers = [("authorization", service.as_bytes())];
        let answer = raw::call(mesh.addr(name).unwrap(), call.path, &headers, Vec::new()).await;
        assert_eq!(reason(answer), "PERSON_ONLY", "{}", call.path);
    }
}

#[tokio::test]
async fn u1_claims_without_a_verified_e_mail_or_a_name_make_no_profile() {
    let mesh = Mesh::start().await;
    for (number, person) in [
        Person::named("a").without_email(),
        Person::named("b").with_email_verified(false),
        Person::named("c").without_name(),
    ]
    .into_iter()
    .enumerate()
    {
        let refusal = refused(mesh.person_as(&person).create(party(None)).await);
        assert_eq!(refusal.reason, "PROFILE_INCOMPLETE", "{number}");
    }
}

fn chrono_now() -> i64 {
    i64::try_from(crewup_shared::clock::unix_seconds()).unwrap()
}

#[tokio::test]
async fn x4_while_no_key_can_be_had_every_caller_is_told_so_and_nobody_is_signed_out() {
    let issuer: &'static Issuer = Box::leak(Box::new(Issuer::start(Config::development()).await.unwrap()));
    let mesh = Mesh::with(cluster::database().await, issuer, &[]).await;
    issuer.stop().unwrap();
    // A key that no process has seen, so that each of the calls must ask.
    issuer.rotate().unwrap();
    let token = issuer.token(&Person::named("host"));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for _ in 0..5 {
        assert_eq!(reason(mesh.with_token(token.clone()).create(party(None)).await), "IDENTITY_UNAVAILABLE");
    }
}
