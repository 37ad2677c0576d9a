//! Erasing oneself (U8): what goes at once, and what other services take away by their reactions.

use crewup_proto::{
    event::{AttendanceStatus, EventState},
    user::{CreateRatingRequest, EraseMeRequest, ListRatingsRequest, Profile},
};
use crewup_tests::{
    Mesh, Persona,
    persona::{party, request_id},
    refusal::{reason, refused},
};

use super::{enrolled, erase, ids, met};

async fn erase_as(person: &Persona, id: &str) -> Result<(), tonic::Status> {
    person.users().erase_me(EraseMeRequest { user_id: id.into() }).await.map(drop)
}

#[tokio::test]
async fn u8_erasing_needs_ones_own_id_and_a_second_time_is_ok() {
    let mesh = Mesh::start().await;
    let (guest, host) = (mesh.person("guest"), mesh.person("host"));
    let id = enrolled(&guest).await;
    assert_eq!(refused(erase_as(&guest, &host.id().await).await).fields, ["user_id"]);
    assert_eq!(refused(erase_as(&guest, "").await).fields, ["user_id"]);
    for _ in 0..2 {
        erase_as(&guest, &id).await.unwrap();
    }
    assert_eq!(reason(guest.me().await), "USER_ERASED");
    assert_eq!(crate::event::told(&mesh, "user.standing", &id).await, 1);
}

#[tokio::test]
async fn u8_a_tombstone_stays_that_tells_nothing_of_the_person() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    let profile = Profile { bio: "Likes jazz".into(), interests: vec!["jazz".into()], ..Default::default() };
    people[1].edit(profile, &["bio", "interests"]).await.unwrap();
    people[1].block(&ids[2]).await.unwrap();
    let rating = |rated: &str| CreateRatingRequest {
        rated_user_id: rated.into(),
        event_id: event.clone(),
        rating: 4,
        comment: "A fine evening".into(),
        request_id: request_id(),
    };
    people[1].users().create_rating(rating(&ids[0])).await.unwrap();
    people[0].users().create_rating(rating(&ids[1])).await.unwrap();
    erase(&people[1], &ids[1]).await;

    let row: String = sqlx::query_scalar("select to_jsonb(u)::text from users u where id = $1::uuid")
        .bind(&ids[1])
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    for trace in ["person-1", "Person", "jazz", "Likes"] {
        assert!(!row.contains(trace), "{trace} in {row}");
    }
    assert!(row.contains(&format!("{}@erased.invalid", ids[1])) && row.contains("erased:"));
    // What was given stays, without its words; what was received goes.
    let list = ListRatingsRequest { user_id: ids[0].clone(), ..Default::default() };
    let given = people[2].users().list_ratings(list).await.unwrap().into_inner().ratings;
    assert_eq!((given.len(), given[0].comment.as_str()), (1, ""));
    let left: (i64, i64) = sqlx::query_as(
        "select (select count(*) from ratings where rated_user_id = $1::uuid),
                (select count(*) from user_blocks where blocker_id = $1::uuid)",
    )
    .bind(&ids[1])
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert_eq!(left, (0, 0));
    assert_eq!(people[0].me().await.unwrap().reputation.unwrap().count, 1);
}

#[tokio::test]
async fn u8_seats_are_freed_own_future_events_cancelled_and_the_waitlist_moves() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let ids = ids(&people).await;
    let theirs = people[1].create(party(None)).await.unwrap();
    let made = people[0].create(party(Some(2))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    erase(&people[1], &ids[1]).await;
    mesh.settled().await;
    let count = crate::event::counted(&mesh, &made.id).await;
    assert_eq!((count.going, count.waiting), (2, 1));
    assert_eq!(people[2].get(&made.id).await.unwrap().my_attendance.unwrap().status(), AttendanceStatus::Going);
    assert_eq!(people[0].get(&theirs.id).await.unwrap().state(), EventState::Cancelled);
}

#[tokio::test]
async fn u8_a_ban_outlives_the_erasure_and_a_banned_or_deactivated_person_can_erase() {
    let mesh = Mesh::start().await;
    let (banned, away) = (mesh.person("banned"), mesh.person("away"));
    let (banned_id, away_id) = (enrolled(&banned).await, enrolled(&away).await);
    super::ban(&mesh, &banned_id).await;
    super::deactivate(&away).await;
    erase(&banned, &banned_id).await;
    erase(&away, &away_id).await;
    let open: i64 = sqlx::query_scalar("select count(*) from bans where user_id = $1::uuid and ended_at is null")
        .bind(&banned_id)
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(open, 1);
    // The account is recognised, and makes no second profile that nobody banned.
    assert_eq!(reason(mesh.person("banned").me().await), "USER_ERASED");
}
