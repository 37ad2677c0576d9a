//! What events do when a person's standing changes (M5, U6, X8).

use std::time::Duration;

use crewup_proto::event::Event;
use crewup_proto::event::EventState;
use crewup_proto::user::{DeactivateMeRequest, ReactivateMeRequest};
use crewup_tests::{
    Mesh,
    persona::{in_hours, party},
    refusal::reason,
};

use super::{counted, waitlist::ban};

/// Tells of a person's standing, as the moderation service will in the transaction of the ban.
pub(crate) async fn tell(mesh: &Mesh, user: &str) {
    sqlx::query(
        "with told as (
             insert into outbox (topic, key, created_at) values ('user.standing', $1::uuid, crewup.now()) returning id, topic, key)
         insert into outbox_claims (outbox_id, consumer, topic, key, due_at)
         select id, consumer, topic, key, crewup.now() from told, unnest(array['event', 'group']) as consumer",
    )
    .bind(user)
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
}

#[tokio::test]
async fn m5_a_ban_frees_seats_moves_the_waitlist_and_cancels_own_future_events() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let theirs = people[1].create(party(None)).await.unwrap();
    let made = people[0].create(party(Some(2))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
    }
    ban(&mesh, &people[1].id().await).await;
    tell(&mesh, &people[1].id().await).await;
    mesh.settled().await;
    let count = counted(&mesh, &made.id).await;
    assert_eq!((count.going, count.waiting), (2, 1), "the first waiter has the seat");
    let mine = people[2].get(&made.id).await.unwrap().my_attendance.unwrap();
    assert_eq!(mine.waitlist_position, None);
    assert_eq!(people[0].get(&theirs.id).await.unwrap().state(), EventState::Cancelled);
}

#[tokio::test]
async fn m5_a_temporary_ban_touches_only_events_that_start_before_it_ends() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let soon = people[0].create(Event { start_time: Some(in_hours(24)), end_time: None, ..party(None) }).await.unwrap();
    let late = people[0].create(party(None)).await.unwrap();
    for event in [&soon, &late] {
        people[1].go(&event.id).await.unwrap();
    }
    let user = people[1].id().await;
    ban(&mesh, &user).await;
    sqlx::query("update bans set expires_at = crewup.now() + interval '3 days'")
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    tell(&mesh, &user).await;
    mesh.settled().await;
    assert_eq!(counted(&mesh, &soon.id).await.going, 1);
    assert_eq!(counted(&mesh, &late.id).await.going, 2);
}

#[tokio::test]
async fn u6_deactivating_frees_seats_and_reactivating_brings_the_person_but_no_seat_back() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[1].users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    assert_eq!(reason(people[1].leave(&made.id).await), "USER_DEACTIVATED");
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.going, 1);
    people[1].users().reactivate_me(ReactivateMeRequest {}).await.unwrap();
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.going, 1);
    people[1].go(&made.id).await.unwrap();
}

#[tokio::test]
async fn x8_a_reaction_told_twice_does_no_harm_and_later_standings_win() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(2).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    let user = people[1].id().await;
    ban(&mesh, &user).await;
    tell(&mesh, &user).await;
    tell(&mesh, &user).await;
    // Lifted before anyone reacted: the reaction reads the present standing, and there is nothing to do.
    sqlx::query("update bans set ended_at = crewup.now()").execute(&mut mesh.db.connect().await).await.unwrap();
    let mut mesh = mesh;
    mesh.add(&crewup_event::SERVICE, &["--relay", "on"]).await;
    mesh.add(&crewup_group::SERVICE, &["--relay", "on"]).await;
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made.id).await.going, 2);
}

#[tokio::test]
async fn x9_what_is_told_and_remembered_holds_ids_and_times_only() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(2).await;
    let made = people[0].create(Event { description: "Secret garden".into(), ..party(Some(2)) }).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    people[1].users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    people[0].cancel(&made.id).await.unwrap();
    let rows: String = sqlx::query_scalar(
        "select string_agg(t.row, ' ') from (
             select row(o.*)::text as row from outbox o union all select row(c.*)::text from outbox_claims c
             union all select row(i.*)::text from idempotency i) t",
    )
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert!(rows.contains("event.changed") && rows.contains("user.standing") && rows.contains("CreateEvent"), "{rows}");
    for content in ["Long Night", "Secret garden", "Pelikanplatz", "@", "person-"] {
        assert!(!rows.contains(content), "{content} in {rows}");
    }
}

#[tokio::test]
async fn x8_a_topic_of_a_later_release_stops_nothing_and_is_left_for_it() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(2).await;
    let made = people[0].create(party(Some(2))).await.unwrap();
    people[1].go(&made.id).await.unwrap();
    let mut db = mesh.db.connect().await;
    sqlx::query(
        "with told as (
             insert into outbox (topic, key, created_at) values ('from.tomorrow', uuid_generate_v4(), crewup.now())
             returning id, topic, key)
         insert into outbox_claims (outbox_id, consumer, topic, key, due_at)
         select id, 'event', topic, key, crewup.now() from told",
    )
    .execute(&mut db)
    .await
    .unwrap();
    people[1].users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    let freed = async {
        while counted(&mesh, &made.id).await.going != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), freed).await.expect("the reaction came");
    let left: Vec<String> = sqlx::query_scalar("select topic from outbox_claims where consumer = 'event'")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(left, ["from.tomorrow"]);
}

#[tokio::test]
async fn x8_a_reaction_that_fails_ten_times_is_put_aside_counted_and_blocks_nothing() {
    let mut mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = mesh.crowd(3).await;
    let made = people[0].create(party(Some(5))).await.unwrap();
    for person in &people[1..] {
        person.go(&made.id).await.unwrap();
        person.users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    }
    let broken = people[1].id().await;
    let mut db = mesh.db.connect().await;
    let function = format!(
        "create function refuse() returns trigger language plpgsql as $$
         begin
             if new.user_id = '{broken}' then raise 'broken'; end if;
             return new;
         end $$"
    );
    sqlx::query(sqlx::AssertSqlSafe(function)).execute(&mut db).await.unwrap();
    for statement in [
        "grant execute on function refuse() to public",
        "create trigger refuse before update on event_attendees for each row execute function refuse()",
        // Nine failures are behind them.
        "update outbox_claims set attempts = 9 where consumer = 'event'",
    ] {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    mesh.add(&crewup_event::SERVICE, &["--relay", "on"]).await;
    let pool = crewup_shared::db::Db::new(mesh.db.url_as("event").parse().unwrap(), "test", 1).unwrap();
    let settled = async {
        loop {
            let backlog = crewup_shared::gauges::backlog(&pool, "event").await.unwrap();
            if backlog.waiting == 0 {
                return backlog;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let backlog = tokio::time::timeout(Duration::from_secs(5), settled).await.expect("nothing is blocked");
    assert_eq!(backlog.parked, 1);
    assert_eq!(counted(&mesh, &made.id).await.going, 2, "the host, and the one whose reaction was put aside");
    let left: String = sqlx::query_scalar("select key::text from outbox_claims where consumer = 'event'")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(left, broken);
}
