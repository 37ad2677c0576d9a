//! What moderation is told for the snapshot of a report (M6, X3).

use crewup_proto::{
    crewup::group::internal::v1::{DescribeObjectRequest, DescribeObjectResponse, describe_object_request::Object},
    group::Group,
};
use crewup_shared::layer::USER_TOKEN;
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, private_party},
    raw,
    refusal::{reason, refused},
};
use prost::Message as _;
use tonic::Status;

use super::{absent, going, going_to};

const DESCRIBE: &str = "/crewup.group.internal.v1.GroupInternalService/DescribeObject";

/// As the moderation service asks on behalf of `reporter`.
async fn describe(mesh: &Mesh, reporter: &Persona, object: Option<Object>) -> Result<DescribeObjectResponse, Status> {
    let service = format!("Bearer {}", mesh.issuer().service_token("moderation"));
    let person = format!("Bearer {}", reporter.token());
    let headers = [("authorization", service.as_bytes()), (USER_TOKEN, person.as_bytes())];
    let body = DescribeObjectRequest { object }.encode_to_vec();
    let answer = raw::call(mesh.addr("group").unwrap(), DESCRIBE, &headers, body).await?;
    Ok(DescribeObjectResponse::decode(answer.into_inner().as_slice()).unwrap())
}

#[tokio::test]
async fn m6_a_crew_is_described_to_who_sees_it() {
    let mesh = Mesh::start().await;
    let (people, event) = going_to(&mesh, private_party(None), 1).await;
    let made = people[0].form(Group { description: "Rude words".into(), ..crew(&event, 5) }).await.unwrap();
    let told = describe(&mesh, &people[0], Some(Object::GroupId(made.id.clone()))).await.unwrap();
    assert_eq!((told.owner_id, told.content.as_str()), (people[0].id().await, "Night owls\n\nRude words"));
    let outsider = mesh.person("stranger");
    let hidden = refused(describe(&mesh, &outsider, Some(Object::GroupId(made.id.clone()))).await);
    let missing = refused(describe(&mesh, &outsider, Some(Object::GroupId(absent()))).await);
    assert_eq!((hidden.reason.as_str(), &hidden), ("NOT_FOUND", &missing));
    people[0].disband(&made.id).await.unwrap();
    let told = describe(&mesh, &people[0], Some(Object::GroupId(made.id))).await.unwrap();
    assert_eq!((told.owner_id.as_str(), told.content.as_str()), ("", "Night owls\n\nRude words"));
}

#[tokio::test]
async fn m6_a_message_is_described_to_members_until_it_is_deleted() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    let sent = people[0].say(&made, "Rude words").await.unwrap().id;
    let message = || Some(Object::MessageId(sent.clone()));
    let told = describe(&mesh, &people[1], message()).await.unwrap();
    assert_eq!((told.owner_id, told.content.as_str()), (people[0].id().await, "Rude words"));
    assert_eq!(reason(describe(&mesh, &people[2], message()).await), "NOT_FOUND", "no member");
    people[0].retract(&sent).await.unwrap();
    assert_eq!(reason(describe(&mesh, &people[1], message()).await), "NOT_FOUND", "deleted");
    assert_eq!(reason(describe(&mesh, &people[1], Some(Object::MessageId(absent()))).await), "NOT_FOUND");
    assert_eq!(refused(describe(&mesh, &people[1], None).await).fields, ["object"]);
}

#[tokio::test]
async fn x3_a_person_describes_nothing() {
    let mesh = Mesh::start().await;
    let token = format!("Bearer {}", mesh.person("host").token());
    let headers = [("authorization", token.as_bytes()), (USER_TOKEN, token.as_bytes())];
    let answer = raw::call(mesh.addr("group").unwrap(), DESCRIBE, &headers, Vec::new()).await;
    assert_eq!(reason(answer), "SERVICE_ONLY");
}
