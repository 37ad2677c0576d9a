use chrono::Duration;
use crewup_proto::{
    event::{AttendanceStatus, Event},
    user::*,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{party, private_party, request_id},
    refusal::{reason, refused},
};
use tonic::Status;

use super::{absent, ban, deactivate, erase, ids, met, stop_clock};

fn rating(rated: &str, event: &str, stars: i32) -> CreateRatingRequest {
    CreateRatingRequest {
        rated_user_id: rated.into(),
        event_id: event.into(),
        rating: stars,
        comment: String::new(),
        request_id: request_id(),
    }
}

async fn create(person: &Persona, request: &CreateRatingRequest) -> Result<Rating, Status> {
    Ok(person.users().create_rating(request.clone()).await?.into_inner().rating.unwrap())
}

async fn delete(person: &Persona, rating: &str) -> Result<(), Status> {
    person.users().delete_rating(DeleteRatingRequest { rating_id: rating.into() }).await.map(drop)
}

async fn reputation(person: &Persona, user: &str) -> Reputation {
    let request = GetReputationRequest { user_id: user.into() };
    person.users().get_reputation(request).await.unwrap().into_inner().reputation.unwrap()
}

async fn ratable(person: &Persona) -> Vec<RatableUser> {
    person.users().list_ratable_users(ListRatableUsersRequest::default()).await.unwrap().into_inner().users
}

async fn move_to_the_end(mesh: &Mesh) {
    mesh.db.advance(Duration::days(7) + Duration::hours(7)).await;
}

#[tokio::test]
async fn r1_each_bound_of_a_rating_holds_and_one_past_it_is_refused() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    for wrong in [0, 6, -1, i32::MAX] {
        assert_eq!(refused(people[0].rate(&ids[1], &event, wrong).await).fields, ["rating"]);
    }
    let comment = |length: usize| CreateRatingRequest { comment: "é".repeat(length), ..rating(&ids[1], &event, 1) };
    assert_eq!(refused(create(&people[0], &comment(1001)).await).fields, ["comment"]);
    let nul = CreateRatingRequest { comment: "a\0b".into(), ..rating(&ids[1], &event, 1) };
    assert_eq!(refused(create(&people[0], &nul).await).fields, ["comment"], "X15");
    let made = create(&people[0], &comment(1000)).await.unwrap();
    assert_eq!((made.rating, made.comment.chars().count()), (1, 1000));
    assert_eq!((&made.rated_user_id, &made.rater_user_id, &made.event_id), (&ids[1], &ids[0], &event));
    assert_eq!(people[0].rate(&ids[2], &event, 5).await.unwrap().rating, 5);
    let refusal = refused(people[0].rate(&ids[0], &event, 5).await);
    assert_eq!((refusal.reason.as_str(), refusal.fields), ("SELF_NOT_ALLOWED", vec!["rated_user_id".to_owned()]));
}

#[tokio::test]
async fn r2_both_must_have_been_going_at_the_end() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(5).await;
    let ids = ids(&people).await;
    let event = people[0].create(party(None)).await.unwrap().id;
    people[1].go(&event).await.unwrap();
    people[2].answer(&event, AttendanceStatus::Interested).await.unwrap();
    people[3].go(&event).await.unwrap();
    people[3].leave(&event).await.unwrap();
    move_to_the_end(&mesh).await;
    for absent in 2..5 {
        assert_eq!(reason(people[0].rate(&ids[absent], &event, 5).await), "NOT_BOTH_ATTENDED");
        assert_eq!(reason(people[absent].rate(&ids[0], &event, 5).await), "NOT_BOTH_ATTENDED");
    }
    people[0].rate(&ids[1], &event, 5).await.unwrap();
    people[1].rate(&ids[0], &event, 4).await.unwrap();
}

#[tokio::test]
async fn r3_the_window_opens_at_the_effective_end_and_closes_14_days_later_to_the_microsecond() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let ids = ids(&people).await;
    // Without an end it is over 24 hours after the start (E2).
    for end_time in [party(None).end_time, None] {
        let event = people[0].create(Event { end_time, ..party(None) }).await.unwrap().id;
        for person in &people[1..] {
            person.go(&event).await.unwrap();
        }
        let mut shown = Vec::new();
        for (past, expected) in [
            ("-1 microsecond", Err("RATING_NOT_OPEN")),
            ("0", Ok(1)),
            ("14 days -1 microsecond", Ok(2)),
            ("14 days", Err("RATING_CLOSED")),
            ("1 year", Err("RATING_CLOSED")),
        ] {
            stop_clock(&mesh, &event, past).await;
            let listed: Vec<_> = ratable(&people[0]).await.into_iter().filter(|user| user.event_id == event).collect();
            assert_eq!(!listed.is_empty(), expected.is_ok(), "the list says the same at {past}");
            shown.extend(listed);
            match expected {
                Ok(other) => drop(people[0].rate(&ids[other], &event, 3).await.unwrap()),
                Err(expected) => assert_eq!(reason(people[0].rate(&ids[3], &event, 3).await), expected, "{past}"),
            }
        }
        assert_eq!(shown.len(), 3 + 2);
        stop_clock(&mesh, &event, "14 days").await;
        let now = sqlx::query_scalar("select crewup.now()").fetch_one(&mut mesh.db.connect().await).await.unwrap();
        let deadline = Some(crewup_shared::convert::timestamp(now));
        assert!(shown.iter().all(|user| user.deadline == deadline), "the deadline is told");
        // For the next event.
        stop_clock(&mesh, &event, "-8 days").await;
    }
}

#[tokio::test]
async fn r3_a_cancelled_event_is_never_rated() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let ids = ids(&people).await;
    let event = people[0].create(party(None)).await.unwrap().id;
    people[1].go(&event).await.unwrap();
    people[0].cancel(&event).await.unwrap();
    assert_eq!(reason(people[1].rate(&ids[0], &event, 5).await), "EVENT_CANCELLED");
    move_to_the_end(&mesh).await;
    assert_eq!(reason(people[1].rate(&ids[0], &event, 5).await), "EVENT_CANCELLED");
    assert!(ratable(&people[1]).await.is_empty());
}

#[tokio::test]
async fn r4_a_second_rating_of_the_same_person_for_the_same_event_is_refused() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let mut events = Vec::new();
    for _ in 0..2 {
        let event = people[0].create(party(None)).await.unwrap().id;
        for person in &people[1..] {
            person.go(&event).await.unwrap();
        }
        events.push(event);
    }
    move_to_the_end(&mesh).await;
    people[0].rate(&ids[1], &events[0], 5).await.unwrap();
    assert_eq!(reason(people[0].rate(&ids[1], &events[0], 1).await), "RATING_EXISTS");
    assert_eq!(reputation(&people[2], &ids[1]).await, Reputation { average: Some(5.0), count: 1 });
    people[0].rate(&ids[1], &events[1], 2).await.unwrap();
    people[0].rate(&ids[2], &events[0], 3).await.unwrap();
    people[1].rate(&ids[0], &events[0], 4).await.unwrap();
    people[2].rate(&ids[1], &events[0], 3).await.unwrap();
    assert_eq!(reputation(&people[2], &ids[1]).await, Reputation { average: Some(3.33), count: 3 }, "R7");
}

#[tokio::test]
async fn x1_the_same_request_again_is_the_same_rating_and_another_one_is_refused() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    let request = CreateRatingRequest { comment: "Sang all night".into(), ..rating(&ids[1], &event, 4) };
    let made = create(&people[0], &request).await.unwrap();
    assert_eq!(create(&people[0], &request).await.unwrap(), made);
    for other in [
        CreateRatingRequest { rating: 5, ..request.clone() },
        CreateRatingRequest { rated_user_id: ids[2].clone(), ..request.clone() },
        CreateRatingRequest { comment: String::new(), ..request.clone() },
    ] {
        assert_eq!(reason(create(&people[0], &other).await), "REQUEST_ID_REUSED");
    }
    // The key is the caller's: another's call with the same id is a call of its own.
    let theirs = CreateRatingRequest { rated_user_id: ids[0].clone(), ..request.clone() };
    create(&people[1], &theirs).await.unwrap();
    // A failed call leaves no key.
    let failed = rating(&ids[1], &event, 1);
    assert_eq!(reason(create(&people[0], &failed).await), "RATING_EXISTS");
    create(&people[0], &CreateRatingRequest { rated_user_id: ids[2].clone(), ..failed }).await.unwrap();

    delete(&people[0], &made.id).await.unwrap();
    assert_eq!(reason(create(&people[0], &request).await), "NOT_FOUND", "a replay makes nothing new");
    assert_eq!(reputation(&people[2], &ids[1]).await, Reputation { average: None, count: 0 });
}

#[tokio::test]
async fn x9_what_is_kept_for_retries_and_told_to_others_has_no_text_no_name_and_no_e_mail() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let (people, event) = met(&mesh, 2).await;
    let ids = ids(&people).await;
    let request = CreateRatingRequest { comment: "Sang all night".into(), ..rating(&ids[1], &event, 4) };
    create(&people[0], &request).await.unwrap();
    deactivate(&people[0]).await;
    let kept: Vec<String> = sqlx::query_scalar(
        "select i::text from idempotency i union all select o::text from outbox o
         union all select c::text from outbox_claims c",
    )
    .fetch_all(&mut mesh.db.connect().await)
    .await
    .unwrap();
    let kept = kept.join("\n").to_lowercase();
    assert!(kept.contains(&request.request_id) && kept.contains("user.standing"), "{kept}");
    let bytes: String = request.comment.bytes().map(|byte| format!("{byte:02x}")).collect();
    for secret in ["sang all night", &bytes, "person", "@", "long night", "pelikanplatz"] {
        assert!(!kept.contains(secret), "{secret} in {kept}");
    }
}

#[tokio::test]
async fn r2_a_block_a_ban_or_a_deactivation_after_the_event_changes_nothing() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 6).await;
    let ids = ids(&people).await;
    people[0].block(&ids[1]).await.unwrap();
    people[2].block(&ids[0]).await.unwrap();
    ban(&mesh, &ids[3]).await;
    deactivate(&people[4]).await;
    erase(&people[5], &ids[5]).await;
    for other in &ids[1..5] {
        people[0].rate(other, &event, 5).await.unwrap();
    }
    people[1].rate(&ids[0], &event, 3).await.unwrap();
    people[2].rate(&ids[0], &event, 2).await.unwrap();
    assert_eq!(people[0].me().await.unwrap().reputation.unwrap(), Reputation { average: Some(2.5), count: 2 });
    assert_eq!(reason(people[3].rate(&ids[0], &event, 1).await), "USER_BANNED");
    assert_eq!(reason(people[4].rate(&ids[0], &event, 1).await), "USER_DEACTIVATED");
    assert_eq!(refused(people[0].rate(&ids[5], &event, 1).await), refused(people[0].rate(&absent(), &event, 1).await));
}

#[tokio::test]
async fn r2_what_one_may_not_know_of_is_not_found() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let public = people[0].create(party(None)).await.unwrap().id;
    let private = people[0].create(private_party(None)).await.unwrap().id;
    let link = people[0].link(&private, None).await.unwrap();
    people[1].accept(&link).await.unwrap();
    people[1].go(&private).await.unwrap();
    people[0].block(&ids[2]).await.unwrap();
    move_to_the_end(&mesh).await;
    let nothing = refused(people[2].rate(&ids[1], &absent(), 5).await);
    assert_eq!(nothing.reason, "NOT_FOUND");
    assert_eq!(refused(people[2].rate(&ids[1], &private, 5).await), nothing, "E20: an event of others");
    assert_eq!(refused(people[2].rate(&absent(), &public, 5).await), nothing);
    assert_eq!(refused(people[2].rate(&ids[0], &public, 5).await), nothing, "U5: a person who is hidden");
    people[1].rate(&ids[0], &private, 5).await.unwrap();
}

#[tokio::test]
async fn r3_a_rating_is_taken_back_by_its_author_inside_the_window_and_by_a_moderator_at_any_time() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 4).await;
    let ids = ids(&people).await;
    let moderator = mesh.person("mod");
    let mut made = Vec::new();
    for rater in &people[1..] {
        made.push(rater.rate(&ids[0], &event, 2).await.unwrap().id);
    }
    for other in [&people[0], &people[2]] {
        assert_eq!(reason(delete(other, &made[0]).await), "NOT_OWNER", "not the rated one either");
    }
    people[1].block(&ids[2]).await.unwrap();
    assert_eq!(refused(delete(&people[2], &made[0]).await), refused(delete(&people[2], &absent()).await), "U5");
    assert_eq!(reputation(&moderator, &ids[0]).await.count, 3);
    delete(&people[1], &made[0]).await.unwrap();
    assert_eq!(refused(delete(&people[1], &made[0]).await).reason, "NOT_FOUND");
    assert_eq!(reputation(&moderator, &ids[0]).await.count, 2);
    people[1].rate(&ids[0], &event, 4).await.unwrap();

    stop_clock(&mesh, &event, "14 days -1 microsecond").await;
    delete(&people[2], &made[1]).await.unwrap();
    stop_clock(&mesh, &event, "14 days").await;
    assert_eq!(reason(delete(&people[3], &made[2]).await), "RATING_CLOSED");
    delete(&moderator, &made[2]).await.unwrap();
    assert_eq!(reputation(&moderator, &ids[0]).await, Reputation { average: Some(4.0), count: 1 });
}

#[tokio::test]
async fn r7_who_is_not_rated_has_no_average_and_a_count_of_0() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 2).await;
    let ids = ids(&people).await;
    let unrated = Reputation { average: None, count: 0 };
    assert_eq!(reputation(&people[0], &ids[1]).await, unrated);
    assert_eq!(people[1].me().await.unwrap().reputation, Some(unrated));
    let made = people[0].rate(&ids[1], &event, 1).await.unwrap();
    assert_eq!(people[1].me().await.unwrap().reputation, Some(Reputation { average: Some(1.0), count: 1 }));
    delete(&people[0], &made.id).await.unwrap();
    assert_eq!(people[0].see(&ids[1]).await.unwrap().reputation, Some(unrated));
}
