use crewup_issuer::Person;
use crewup_proto::{
    call::{Access, Standing},
    user::*,
};
use crewup_tests::{
    Mesh,
    raw::{self, unary_calls},
    refusal::{reason, refused},
};
use uuid::Uuid;

use super::{absent, ban, deactivate, enrolled, erase, ids, met};

/// How often a person's standing was told of.
async fn told(mesh: &Mesh, user: &str) -> i64 {
    crate::event::told(mesh, "user.standing", user).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u6_m3_each_standing_has_its_reason_at_every_call_that_does_not_allow_it() {
    let mesh = Mesh::start().await;
    // Moderators, who pass the door of every call.
    let moderator = |name: &str| mesh.person_as(&Person::named(name).with_roles(["moderator"]));
    let (away, banned, erased) = (moderator("away"), moderator("banned"), moderator("erased"));
    let banned_id = enrolled(&banned).await;
    let erased_id = enrolled(&erased).await;
    deactivate(&away).await;
    ban(&mesh, &banned_id).await;
    erase(&erased, &erased_id).await;
    let mut refusals = 0;
    for (service, call) in unary_calls().filter(|(_, call)| !call.access.contains(&Access::Service)) {
        for (person, standing, expected) in [
            (&away, Standing::Deactivated, "USER_DEACTIVATED"),
            (&banned, Standing::Banned, "USER_BANNED"),
            (&erased, Standing::Erased, "USER_ERASED"),
        ] {
            let token = format!("Bearer {}", person.token());
            let headers = [("authorization", token.as_bytes())];
            let allowed = call.also_while.contains(&standing);
            let answer = raw::call(mesh.addr(service).unwrap(), call.path, &headers, Vec::new()).await;
            if !allowed {
                assert_eq!(reason(answer), expected, "{}", call.path);
                refusals += 1;
            } else if call.path.ends_with("/GetMe") {
                assert!(answer.is_ok(), "{}: {answer:?}", call.path);
            }
        }
        // ReactivateMe is one of the calls.
        deactivate(&away).await;
    }
    assert!(refusals >= 80, "only {refusals} calls were refused");
}

#[tokio::test]
async fn u6_a_deactivated_person_is_hidden_and_comes_back_by_a_call() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 3).await;
    let ids = ids(&people).await;
    people[0].rate(&ids[1], &event, 5).await.unwrap();
    people[1].rate(&ids[2], &event, 3).await.unwrap();
    for _ in 0..2 {
        let put_aside = people[1].users().deactivate_me(DeactivateMeRequest {}).await.unwrap().into_inner();
        assert_eq!(put_aside.profile.unwrap().state(), UserState::Deactivated);
        assert_eq!(people[1].me().await.unwrap().state(), UserState::Deactivated);
    }
    assert_eq!(told(&mesh, &ids[1]).await, 1, "a second time changes nothing");
    let mut users = people[0].users();
    let nobody = absent();
    assert_eq!(refused(people[0].see(&ids[1]).await), refused(people[0].see(&nobody).await));
    let reputation = |user: &str| GetReputationRequest { user_id: user.into() };
    let ratings = |user: &str| ListRatingsRequest { user_id: user.into(), ..Default::default() };
    assert_eq!(reason(users.get_reputation(reputation(&ids[1])).await), "NOT_FOUND");
    assert_eq!(reason(users.list_ratings(ratings(&ids[1])).await), "NOT_FOUND");
    let batch = BatchGetUsersRequest { user_ids: ids.clone() };
    assert_eq!(users.batch_get_users(batch).await.unwrap().into_inner().users.len(), 2);
    let given = users.list_ratings(ratings(&ids[2])).await.unwrap().into_inner().ratings;
    assert_eq!(given.len(), 1, "what the person gave stays");
    assert_eq!(reason(people[1].edit(Profile::default(), &["bio"]).await), "USER_DEACTIVATED");

    for _ in 0..2 {
        let back = people[1].users().reactivate_me(ReactivateMeRequest {}).await.unwrap().into_inner();
        assert_eq!(back.profile.unwrap().state(), UserState::Active);
    }
    assert_eq!(told(&mesh, &ids[1]).await, 2);
    let seen = people[0].see(&ids[1]).await.unwrap();
    assert_eq!(seen.reputation.unwrap(), Reputation { average: Some(5.0), count: 1 });
    people[1].edit(Profile::default(), &["bio"]).await.unwrap();
}

#[tokio::test]
async fn u6_who_is_banned_is_hidden_until_the_ban_ends_by_the_clock() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let ids = ids(&people).await;
    ban(&mesh, &ids[1]).await;
    assert_eq!(refused(people[0].see(&ids[1]).await), refused(people[0].see(&absent()).await));
    assert_eq!(reason(people[1].edit(Profile::default(), &["bio"]).await), "USER_BANNED");
    let both = people[1].users().deactivate_me(DeactivateMeRequest {}).await;
    assert_eq!(reason(both), "USER_BANNED");
    sqlx::query("update bans set expires_at = crewup.now() + interval '1 hour'")
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    mesh.db.advance(chrono::Duration::minutes(59)).await;
    assert_eq!(reason(people[0].see(&ids[1]).await), "NOT_FOUND");
    mesh.db.advance(chrono::Duration::minutes(1)).await;
    people[0].see(&ids[1]).await.unwrap();
    people[1].edit(Profile::default(), &["bio"]).await.unwrap();
}

#[tokio::test]
async fn u9_with_an_active_alert_of_ones_own_nobody_is_deactivated() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let ids = ids(&people).await;
    let mut db = mesh.db.connect().await;
    sqlx::query(
        "insert into alert_batches (id, user_id, state, raised_at, created_at, updated_at, expires_at)
         values ($1, $2::uuid, 'active', crewup.now(), crewup.now(), crewup.now(), crewup.now() + interval '1 day')",
    )
    .bind(Uuid::now_v7())
    .bind(&ids[0])
    .execute(&mut db)
    .await
    .unwrap();
    let put_aside = |person: usize| {
        let mut users = people[person].users();
        async move { users.deactivate_me(DeactivateMeRequest {}).await }
    };
    assert_eq!(reason(put_aside(0).await), "ALERT_ACTIVE");
    assert_eq!(people[0].me().await.unwrap().state(), UserState::Active);
    assert_eq!(told(&mesh, &ids[0]).await, 0);
    put_aside(1).await.unwrap();
    sqlx::query(
        "update alert_batches set state = 'resolved', closed_at = crewup.now(), resolved_by = user_id, resolved_as = 'sender'",
    )
    .execute(&mut db)
    .await
    .unwrap();
    put_aside(0).await.unwrap();
}
