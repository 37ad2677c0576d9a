//! Editing and archiving a crew (G5, G10, E6).

use chrono::Duration;
use crewup_proto::group::*;
use crewup_tests::{
    Mesh,
    persona::{crew, private_party},
    refusal::reason,
};

use super::{counted, ended_by, going, going_to};
use crate::{event::told, user::ids};

fn edit(id: &str) -> Group {
    Group { id: id.into(), ..Default::default() }
}

#[tokio::test]
async fn g5_a_crew_is_never_made_smaller_than_it_is() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let made = people[0].form(crew(&event, 3)).await.unwrap();
    for person in &people[1..3] {
        person.join(&made.id).await.unwrap();
    }
    let size = |most| Group { max_members: Some(most), ..edit(&made.id) };
    assert_eq!(reason(people[0].reform(size(2), &["max_members"]).await), "CAPACITY_BELOW_MEMBERS");
    assert_eq!(reason(people[3].join(&made.id).await), "GROUP_FULL");
    people[0].reform(size(4), &["max_members"]).await.unwrap();
    people[3].join(&made.id).await.unwrap();
    assert_eq!(people[0].reform(size(4), &["max_members"]).await.unwrap().member_count, 4);
    assert_eq!(reason(people[1].reform(size(9), &["max_members"]).await), "NOT_CREW_ADMIN");
}

#[tokio::test]
async fn e6_an_edit_changes_what_its_mask_names_and_a_stale_etag_nothing() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(Group { description: "Tram".into(), ..crew(&event, 5) }).await.unwrap();
    let new =
        Group { name: "Early birds".into(), description: String::new(), etag: made.etag.clone(), ..edit(&made.id) };
    let edited = people[0].reform(new.clone(), &["name"]).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.description.as_str()), ("Early birds", "Tram"));
    assert_ne!(edited.etag, made.etag);
    assert_eq!(reason(people[0].reform(new, &["description"]).await), "STALE_ETAG");
    people[1].join(&made.id).await.unwrap();
    people[1].say(&made.id, "Hi").await.unwrap();
    let counted = people[0].crew(&made.id).await.unwrap();
    assert_eq!(counted.etag, edited.etag, "counters are no edit");
    assert_ne!(counted.update_time, edited.update_time);
    let bare = people[0].reform(edit(&made.id), &["description", "is_private", "max_members"]).await.unwrap();
    assert_eq!((bare.description.as_str(), bare.is_private, bare.max_members), ("", Some(false), Some(10)));
    for mask in [&[][..], &["event_id"], &["member_count"]] {
        assert_eq!(reason(people[0].reform(edit(&made.id), mask).await), "INVALID_FIELDS");
    }
}

#[tokio::test]
async fn g10_deleting_archives_ends_every_membership_and_keeps_the_messages() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap();
    people[1].join(&made.id).await.unwrap();
    people[1].say(&made.id, "Keep me").await.unwrap();
    assert_eq!(reason(people[1].disband(&made.id).await), "NOT_CREW_ADMIN");
    let archived = people[0].disband(&made.id).await.unwrap();
    assert_eq!((archived.state(), archived.member_count), (GroupState::Archived, 0));
    assert_eq!(people[0].disband(&made.id).await.unwrap(), archived, "a second time by the same person");
    assert_eq!(reason(people[1].disband(&made.id).await), "NOT_CREW_ADMIN");
    assert_eq!(people[2].crew(&made.id).await.unwrap().state(), GroupState::Archived, "it can be read");
    assert_eq!(counted(&mesh, &made.id).await, (0, 3));
    assert_eq!(told(&mesh, "crew.members", &made.id).await, 3);
    for id in ids(&people[..2]).await {
        assert_eq!(ended_by(&mesh, &made.id, &id).await.as_deref(), Some("archived"));
    }
    for refused in [
        reason(people[0].members(&made.id).await),
        reason(people[1].read(&made.id, None, 0).await),
        reason(people[1].say(&made.id, "Hi").await),
    ] {
        assert_eq!(refused, "NOT_MEMBER");
    }
    assert_eq!(reason(people[0].reform(edit(&made.id), &["description"]).await), "NOT_CREW_ADMIN");
    assert_eq!(reason(people[0].crew_link(&made.id, None).await), "NOT_CREW_ADMIN");
    let kept: String =
        sqlx::query_scalar("select content from messages").fetch_one(&mut mesh.db.connect().await).await.unwrap();
    assert_eq!(kept, "Keep me");
    let list = ListGroupsRequest { event_id: event, ..Default::default() };
    assert!(people[0].groups().list_groups(list).await.unwrap().into_inner().groups.is_empty());
}

#[tokio::test]
async fn g10_a_moderator_edits_and_archives_the_crews_of_any_event_and_sees_no_more_of_a_private_one() {
    let mesh = Mesh::start().await;
    let (people, event) = going_to(&mesh, private_party(None), 1).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap();
    let moderator = mesh.person("mod");
    let clean = Group { name: "A crew".into(), ..edit(&made.id) };
    assert_eq!(moderator.reform(clean.clone(), &["name"]).await.unwrap().name, "A crew");
    assert_eq!(reason(moderator.crew(&made.id).await), "NOT_FOUND");
    assert_eq!(reason(moderator.say(&made.id, "Hi").await), "NOT_FOUND");
    for _ in 0..2 {
        assert_eq!(moderator.disband(&made.id).await.unwrap().state(), GroupState::Archived);
    }
    assert_eq!(reason(people[0].disband(&made.id).await), "NOT_CREW_ADMIN", "the moderator did it");
    assert_eq!(reason(moderator.reform(clean, &["name"]).await), "GROUP_ARCHIVED");
    // Somebody else's end of it stays theirs.
    mesh.db.advance(Duration::hours(1)).await;
    assert_eq!(reason(mesh.person("stranger").disband(&made.id).await), "NOT_FOUND");
}
