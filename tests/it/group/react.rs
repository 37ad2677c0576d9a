//! What crews do when an RSVP is withdrawn or a profile goes (G9, M5, U6, U8, X8).

use crewup_proto::{
    event::{AttendanceStatus, Event, RemoveAttendeeRequest},
    group::*,
};
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, in_hours, party, private_crew},
    refusal::reason,
};

use super::{counted, ended_by, going};
use crate::{
    event::react::tell,
    user::{ban, deactivate, erase, ids},
};

/// The cause that the crew is told of its last entry.
async fn told_cause(member: &Persona, crew: &str) -> LeaveCause {
    let entries = member.read(crew, None, 0).await.unwrap().entries;
    match &entries.last().unwrap().content {
        Some(timeline_entry::Content::MemberLeft(left)) => left.cause(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn g9_who_is_no_longer_going_leaves_the_crews_of_that_event_only() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let other = people[0].create(party(None)).await.unwrap().id;
    people[1].go(&other).await.unwrap();
    let (first, second) =
        (people[0].form(crew(&event, 5)).await.unwrap().id, people[1].form(crew(&event, 5)).await.unwrap().id);
    let elsewhere = people[0].form(crew(&other, 5)).await.unwrap().id;
    for id in [&first, &elsewhere] {
        people[1].join(id).await.unwrap();
    }
    people[2].join(&first).await.unwrap();
    people[3].join(&first).await.unwrap();
    people[1].answer(&event, AttendanceStatus::Interested).await.unwrap();
    people[2].leave(&event).await.unwrap();
    let remove = RemoveAttendeeRequest { event_id: event.clone(), user_id: people[3].id().await };
    people[0].events().remove_attendee(remove).await.unwrap();
    mesh.settled().await;
    assert_eq!(counted(&mesh, &first).await.0, 1);
    assert_eq!(counted(&mesh, &second).await.0, 0, "nobody remained: archived (G6)");
    assert_eq!(counted(&mesh, &elsewhere).await.0, 2);
    for id in &ids(&people[1..]).await {
        assert_eq!(ended_by(&mesh, &first, id).await.as_deref(), Some("not_going"));
    }
    assert_eq!(told_cause(&people[0], &first).await, LeaveCause::NotGoing);
    assert_eq!(reason(people[1].members(&first).await), "NOT_MEMBER");
}

#[tokio::test]
async fn g9_an_rsvp_that_came_back_before_the_reaction_keeps_the_crew() {
    let mut mesh = Mesh::start_with(&["--relay", "off"]).await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    people[1].leave(&event).await.unwrap();
    people[1].go(&event).await.unwrap();
    mesh.add(&crewup_group::SERVICE, &["--relay", "on"]).await;
    mesh.settled_for(&["event", "group"]).await;
    assert_eq!(counted(&mesh, &made).await.0, 2);
}

#[tokio::test]
async fn m5_a_ban_ends_all_memberships_for_the_same_cause_whichever_reaction_comes_first() {
    let mut mesh = Mesh::start_with(&["--relay", "off"]).await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    for person in &people[1..] {
        person.join(&made).await.unwrap();
    }
    let ids = ids(&people).await;
    // The first is banned: here only the RSVP's withdrawal is told to the crews.
    ban(&mesh, &ids[1]).await;
    tell(&mesh, &ids[1]).await;
    let mut db = mesh.db.connect().await;
    sqlx::query("delete from outbox_claims where consumer = 'group'").execute(&mut db).await.unwrap();
    mesh.add(&crewup_event::SERVICE, &["--relay", "on"]).await;
    mesh.add(&crewup_group::SERVICE, &["--relay", "on"]).await;
    mesh.settled_for(&["event", "group"]).await;
    assert_eq!(ended_by(&mesh, &made, &ids[1]).await.as_deref(), Some("banned"));
    // The second: here both.
    ban(&mesh, &ids[2]).await;
    tell(&mesh, &ids[2]).await;
    mesh.settled_for(&["event", "group"]).await;
    assert_eq!(ended_by(&mesh, &made, &ids[2]).await.as_deref(), Some("banned"));
    assert_eq!(counted(&mesh, &made).await.0, 1);
    assert_eq!(told_cause(&people[0], &made).await, LeaveCause::ProfileGone, "which is not told");
    sqlx::query("update bans set ended_at = crewup.now()").execute(&mut db).await.unwrap();
    tell(&mesh, &ids[2]).await;
    mesh.settled_for(&["event", "group"]).await;
    assert_eq!(counted(&mesh, &made).await.0, 1, "lifting a ban restores no membership");
}

#[tokio::test]
async fn m5_a_temporary_ban_ends_only_memberships_of_events_that_start_before_its_end() {
    let mesh = Mesh::start().await;
    let (people, late) = going(&mesh, 2).await;
    let soon = Event { start_time: Some(in_hours(24)), end_time: None, ..party(None) };
    let soon = people[0].create(soon).await.unwrap().id;
    people[1].go(&soon).await.unwrap();
    let mut crews = Vec::new();
    for event in [&soon, &late] {
        let made = people[0].form(crew(event, 5)).await.unwrap().id;
        people[1].join(&made).await.unwrap();
        crews.push(made);
    }
    let user = people[1].id().await;
    ban(&mesh, &user).await;
    sqlx::query("update bans set expires_at = crewup.now() + interval '3 days'")
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    tell(&mesh, &user).await;
    mesh.settled().await;
    assert_eq!(counted(&mesh, &crews[0]).await.0, 1);
    assert_eq!(counted(&mesh, &crews[1]).await.0, 2);
    assert_eq!(ended_by(&mesh, &crews[0], &user).await.as_deref(), Some("banned"));
}

#[tokio::test]
async fn g6_a_banned_last_admin_hands_on_and_a_banned_last_member_archives() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let (shared, alone) =
        (people[0].form(crew(&event, 5)).await.unwrap().id, people[0].form(crew(&event, 5)).await.unwrap().id);
    people[1].join(&shared).await.unwrap();
    let host = people[0].id().await;
    ban(&mesh, &host).await;
    tell(&mesh, &host).await;
    mesh.settled().await;
    assert_eq!(counted(&mesh, &shared).await.0, 1);
    assert_eq!(people[1].crew(&shared).await.unwrap().my_membership.unwrap().status(), MembershipStatus::Admin);
    assert_eq!(people[1].crew(&alone).await.unwrap().state(), GroupState::Archived);
    assert_eq!(ended_by(&mesh, &alone, &host).await.as_deref(), Some("banned"));
}

#[tokio::test]
async fn u6_deactivating_leaves_the_crews() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    deactivate(&people[1]).await;
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made).await.0, 1);
    assert_eq!(ended_by(&mesh, &made, &people[1].id().await).await.as_deref(), Some("deactivated"));
}

#[tokio::test]
async fn u8_an_erased_person_leaves_the_crews_and_no_text_in_requests() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    let private = people[0].form(private_crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    let asked = people[1].ask(&private, "My number is 079").await.unwrap();
    let user = people[1].id().await;
    erase(&people[1], &user).await;
    tell(&mesh, &user).await;
    mesh.settled().await;
    assert_eq!(ended_by(&mesh, &made, &user).await.as_deref(), Some("erased"));
    assert_eq!(reason(people[0].approve(&asked).await), "REQUEST_NOT_PENDING");
    let notes: i64 = sqlx::query_scalar("select count(*) from group_requests where note is not null")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(notes, 0);
}

#[tokio::test]
async fn x8_a_reaction_told_twice_changes_nothing_more() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    let user = people[1].id().await;
    ban(&mesh, &user).await;
    for _ in 0..3 {
        tell(&mesh, &user).await;
    }
    mesh.settled().await;
    assert_eq!(counted(&mesh, &made).await, (1, 3), "one entry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x8_the_workers_of_several_replicas_do_each_claim_once_and_those_of_a_key_in_their_order() {
    let mut mesh = Mesh::start_with(&["--relay", "off"]).await;
    let users = ids(&mesh.crowd(8).await).await;
    let mut db = mesh.db.connect().await;
    for statement in [
        "create table done (number bigint generated always as identity, key uuid, outbox_id bigint, worker integer)",
        // Every other one takes long enough for the next of its key to be done before it.
        "create function note() returns trigger language plpgsql security definer set search_path = public as $$
         begin
             if old.outbox_id % 2 = 1 then perform pg_sleep(0.03); end if;
             insert into done (key, outbox_id, worker) values (old.key, old.outbox_id, pg_backend_pid());
             return old;
         end $$",
        "grant execute on function note() to public",
        "create trigger note before delete on outbox_claims for each row execute function note()",
        "create table told as select gen_random_uuid() as key from generate_series(1, 4)",
    ] {
        sqlx::query(statement).execute(&mut db).await.unwrap();
    }
    // Of each of four events: everybody withdrew.
    let told = "with told as (
                    insert into outbox (topic, key, subject, created_at)
                    select 'attendance.left', t.key, u.id::uuid, crewup.now()
                    from told t, unnest($1) u (id) order by t.key, u.id
                    returning id, topic, key, subject, created_at)
                insert into outbox_claims (outbox_id, consumer, topic, key, subject, due_at)
                select id, 'group', topic, key, subject, created_at from told";
    assert_eq!(sqlx::query(told).bind(&users).execute(&mut db).await.unwrap().rows_affected(), 32);
    for _ in 0..3 {
        mesh.add(&crewup_group::SERVICE, &[]).await;
    }
    mesh.settled_for(&["group"]).await;
    let done: Vec<Vec<i64>> = sqlx::query_scalar(
        "select array_agg(outbox_id order by number) from done group by key order by min(outbox_id)",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    let expected: Vec<Vec<i64>> = sqlx::query_scalar(
        "select array_agg(id order by id) from outbox where topic = 'attendance.left' group by key order by min(id)",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert_eq!(done, expected);
    let workers: i64 = sqlx::query_scalar("select count(distinct worker) from done").fetch_one(&mut db).await.unwrap();
    assert!(workers > 1, "several were at work");
}

#[tokio::test]
async fn x9_what_crews_tell_and_remember_holds_ids_and_times_only() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(Group { description: "Secret garden".into(), ..private_crew(&event, 5) }).await.unwrap();
    let asked = people[1].ask(&made.id, "Secret note").await.unwrap();
    people[0].approve(&asked).await.unwrap();
    people[1].say(&made.id, "Secret word").await.unwrap();
    people[0].crew_link(&made.id, None).await.unwrap();
    let rows: String = sqlx::query_scalar(
        "select string_agg(t.row, ' ') from (
             select row(o.*)::text as row from outbox o union all select row(c.*)::text from outbox_claims c
             union all select row(i.*)::text from idempotency i) t",
    )
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    for told in ["crew.members", "SendMessage", "CreateGroup", "CreateInvitation"] {
        assert!(rows.contains(told), "{told} in {rows}");
    }
    for content in ["Secret", "Night owls", "@", "person-"] {
        assert!(!rows.contains(content), "{content} in {rows}");
    }
}
