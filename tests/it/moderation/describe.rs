//! What services say of a thing to the moderation service, on behalf of a reporter (M6, U5, E20).

use crewup_proto::{
    crewup::{
        event::internal::v1 as event,
        user::internal::v1::{self as user, describe_object_request::Object},
    },
    event::Event,
    user::Profile,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{party, private_party},
    raw,
    refusal::reason,
};
use prost::Message as _;
use tonic::Status;

use crate::user::{absent, ids, met};

const EVENT: &str = "/crewup.event.internal.v1.EventInternalService/DescribeObject";
const USER: &str = "/crewup.user.internal.v1.UserInternalService/DescribeObject";

/// What a service says on behalf of somebody: (whose it is, the content). The two services' answers look the same.
async fn describe(
    mesh: &Mesh,
    service: &str,
    path: &'static str,
    request: Vec<u8>,
    reporter: &Persona,
) -> Result<(String, String), Status> {
    let own = format!("Bearer {}", mesh.issuer().service_token("moderation"));
    let theirs = format!("Bearer {}", reporter.token());
    let headers = [("authorization", own.as_bytes()), ("x-crewup-user-token", theirs.as_bytes())];
    let answer = raw::call(mesh.addr(service).unwrap(), path, &headers, request).await?.into_inner();
    let answer = event::DescribeObjectResponse::decode(answer.as_slice()).unwrap();
    Ok((answer.owner_id, answer.content))
}

async fn of_event(mesh: &Mesh, id: &str, reporter: &Persona) -> Result<(String, String), Status> {
    let request = event::DescribeObjectRequest { event_id: id.into() };
    describe(mesh, "event", EVENT, request.encode_to_vec(), reporter).await
}

async fn of_user(mesh: &Mesh, object: Object, reporter: &Persona) -> Result<(String, String), Status> {
    let request = user::DescribeObjectRequest { object: Some(object) };
    describe(mesh, "user", USER, request.encode_to_vec(), reporter).await
}

#[tokio::test]
async fn m6_an_event_is_described_to_who_sees_it() {
    let mesh = Mesh::start().await;
    let (host, guest) = (mesh.person("host"), mesh.person("guest"));
    let draft = Event { description: "Bring a torch\nand a friend".into(), ..party(None) };
    let made = host.create(draft).await.unwrap();
    let (owner, content) = of_event(&mesh, &made.id, &guest).await.unwrap();
    assert_eq!(owner, host.id().await);
    let lines: Vec<_> = content.lines().collect();
    assert_eq!((lines[0], lines[1]), ("Long Night", "Pelikanplatz 18, Zürich"));
    let start = made.start_time.unwrap();
    assert!(lines[2].starts_with(&crewup_shared::convert::instant(&start).unwrap().format("%FT%TZ to ").to_string()));
    assert_eq!(lines[3..], ["Bring a torch", "and a friend"]);

    let hidden = host.create(private_party(None)).await.unwrap().id;
    assert_eq!(reason(of_event(&mesh, &hidden, &guest).await), "NOT_FOUND");
    assert_eq!(
        reason(of_event(&mesh, &hidden, &mesh.person("mod")).await),
        "NOT_FOUND",
        "as the reporter, not as a role"
    );
    assert_eq!(reason(of_event(&mesh, &absent(), &guest).await), "NOT_FOUND");
    of_event(&mesh, &hidden, &host).await.unwrap();
}

#[tokio::test]
async fn m6_a_profile_is_described_as_others_see_it_and_not_to_who_is_hidden() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let profile = Profile {
        bio: "I dance".into(),
        interests: vec!["Jazz".into(), "Rum".into()],
        profile_picture_url: "https://pictures.example/1".into(),
        ..Default::default()
    };
    people[0].edit(profile, &["bio", "interests", "profile_picture_url"]).await.unwrap();
    let (owner, content) = of_user(&mesh, Object::UserId(ids[0].clone()), &people[1]).await.unwrap();
    assert_eq!(owner, ids[0]);
    assert_eq!(content, "Person 0\nJazz, Rum\nhttps://pictures.example/1\nI dance");
    assert!(!content.contains('@'), "never the e-mail (U3)");
    people[0].block(&ids[2]).await.unwrap();
    assert_eq!(reason(of_user(&mesh, Object::UserId(ids[0].clone()), &people[2]).await), "NOT_FOUND");
    assert_eq!(reason(of_user(&mesh, Object::UserId(absent()), &people[1]).await), "NOT_FOUND");
    let nothing = describe(&mesh, "user", USER, Vec::new(), &people[1]).await;
    assert_eq!(reason(nothing), "INVALID_FIELDS");
}

#[tokio::test]
async fn m6_a_rating_is_described_to_who_finds_it_in_the_list_and_to_its_author() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 4).await;
    let ids = ids(&people).await;
    let rating = people[0].rate(&ids[1], &event, 2).await.unwrap().id;
    let of = |reporter: usize| of_user(&mesh, Object::RatingId(rating.clone()), &people[reporter]);
    assert_eq!(of(1).await.unwrap(), (ids[0].clone(), "2 of 5".to_owned()));
    people[2].block(&ids[0]).await.unwrap();
    people[3].block(&ids[1]).await.unwrap();
    people[1].block(&ids[0]).await.unwrap();
    for hidden in [1, 2, 3] {
        assert_eq!(reason(of(hidden).await), "NOT_FOUND", "{hidden}");
    }
    of(0).await.unwrap();
}
