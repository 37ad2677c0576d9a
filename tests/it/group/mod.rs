//! The group service, by its contract.

mod chat;
mod company;
mod create;
mod describe;
mod edit;
mod forget;
mod history;
mod invitations;
mod join;
mod lists;
mod members;
mod races;
mod react;
mod requests;
mod timeline;

use crewup_proto::event::Event;
use crewup_tests::{Mesh, Persona, persona::party};
use uuid::Uuid;

/// `count` people, all going to one event as `draft` says, of the first.
pub(crate) async fn going_to(mesh: &Mesh, draft: Event, count: usize) -> (Vec<Persona>, String) {
    let people = mesh.crowd(count).await;
    let event = people[0].create(draft).await.unwrap().id;
    for person in &people[1..] {
        person.go(&event).await.unwrap();
    }
    (people, event)
}

/// As [`going_to`], a public event in a week.
pub(crate) async fn going(mesh: &Mesh, count: usize) -> (Vec<Persona>, String) {
    going_to(mesh, party(None), count).await
}

/// An id that nothing has.
pub(crate) fn absent() -> String {
    Uuid::now_v7().to_string()
}

/// What the group service keeps of a crew, checked against what is really there (G12, C2): the members are count(*), the
/// numbers of the timeline are 1..n without a gap, and a crew that is not archived has an admin (G6). Answers members and
/// the last number.
pub(crate) async fn counted(mesh: &Mesh, crew: &str) -> (i64, i64) {
    let (members, last, real, admins, archived): (i32, i64, i64, i64, bool) = sqlx::query_as(
        "select s.members, s.last_sequence,
                (select count(*) from group_members m where m.group_id = g.id),
                (select count(*) from group_members m where m.group_id = g.id and m.is_admin),
                g.archived_at is not null
         from groups g join group_seats s on s.group_id = g.id where g.id = $1::uuid",
    )
    .bind(crew)
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert_eq!(i64::from(members), real, "the counter against count(*)");
    assert_eq!(archived, real == 0, "archived or not with {real} members");
    assert!(archived || admins > 0, "a crew that nobody leads");
    let numbers: Vec<i64> = sqlx::query_scalar(
        "select sequence from messages where group_id = $1::uuid union all
         select sequence from timeline where group_id = $1::uuid order by 1",
    )
    .bind(crew)
    .fetch_all(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "every number once");
    (real, last)
}

/// Why a person's last membership of a crew ended, as it is kept (S1).
pub(crate) async fn ended_by(mesh: &Mesh, crew: &str, user: &str) -> Option<String> {
    sqlx::query_scalar(
        "select cause from group_members_past where group_id = $1::uuid and user_id = $2::uuid
         order by left_at desc limit 1",
    )
    .bind(crew)
    .bind(user)
    .fetch_optional(&mut mesh.db.connect().await)
    .await
    .unwrap()
}
