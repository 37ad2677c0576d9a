//! Rights while a stream is open (C6, M3, X13): it ends when they do, on every replica.

use std::time::{Duration, Instant};

use crewup_issuer::Person;
use crewup_tests::{
    Mesh, Persona,
    persona::{Live, ban_of},
    raw,
    refusal::{Refusal, reason},
};
use futures_util::future::join_all;

use super::members;
use crate::moderation::moderator;

/// C6, M3: so long after the commit at most.
const IN_TIME: Duration = Duration::from_secs(2);

/// A mesh with two replicas of what has streams.
async fn two_replicas() -> Mesh {
    let mut mesh = Mesh::start().await;
    for service in [&crewup_group::SERVICE, &crewup_event::SERVICE, &crewup_safety::SERVICE] {
        mesh.add(service, &[]).await;
    }
    mesh
}

/// How the stream ends, and how long after now.
async fn ends<T: std::fmt::Debug>(live: &mut Live<T>) -> (String, Duration) {
    let begun = Instant::now();
    (Refusal::of(&live.end().await).reason, begun.elapsed())
}

#[tokio::test]
async fn c6_who_is_removed_or_banned_from_the_crew_is_off_the_stream_of_the_other_replica() {
    let mesh = two_replicas().await;
    let (people, made) = members(&mesh, 4).await;
    for (person, ban, wanted) in [(1, false, "NOT_MEMBER"), (2, true, "CREW_BANNED")] {
        let mut live = mesh.elsewhere(&people[person]).listening(&made).await;
        people[0].remove(&made, &people[person].id().await, ban).await.unwrap();
        let (reason, took) = ends(&mut live).await;
        assert_eq!(reason, wanted);
        assert!(took < IN_TIME, "{took:?}");
        assert_eq!(crewup_tests::refusal::reason(people[person].listen(&made, None).await.map(drop)), wanted);
    }
    let mut live = mesh.elsewhere(&people[3]).listening(&made).await;
    people[3].quit(&made).await.unwrap();
    assert_eq!(ends(&mut live).await.0, "NOT_MEMBER");
}

#[tokio::test]
async fn c6_who_left_and_came_back_reads_over_the_leaving() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    people[1].quit(&made).await.unwrap();
    people[0].say(&made, "without you").await.unwrap();
    people[1].join(&made).await.unwrap();
    let mut live = people[1].listen(&made, Some(0)).await.unwrap();
    assert_eq!(live.history().await, (1..=5).collect::<Vec<_>>());
    people[0].say(&made, "with you").await.unwrap();
    assert_eq!(live.text().await, "with you");
}

#[tokio::test]
async fn c6_g10_an_archived_crew_ends_every_stream_of_it() {
    let mesh = two_replicas().await;
    let (people, made) = members(&mesh, 3).await;
    let mut here = people[1].listening(&made).await;
    let mut there = mesh.elsewhere(&people[2]).listening(&made).await;
    people[0].disband(&made).await.unwrap();
    for live in [&mut here, &mut there] {
        let (reason, took) = ends(live).await;
        assert_eq!(reason, "NOT_MEMBER");
        assert!(took < IN_TIME, "{took:?}");
    }
}

/// Opens the three kinds of streams at the last replicas, past their first thing. Answers how they end, when they do.
async fn all_three(mesh: &Mesh, person: &Persona, crew: &str) -> impl AsyncFnOnce() -> Vec<(String, Duration)> + use<> {
    let person = mesh.elsewhere(person);
    let mut chat = person.listening(crew).await;
    let mut events = person.watch_events().await.unwrap();
    let mut alerts = person.watch_alerts().await.unwrap();
    events.next().await.unwrap();
    alerts.next().await.unwrap();
    async move || {
        let (chat, events, alerts) = tokio::join!(ends(&mut chat), ends(&mut events), ends(&mut alerts));
        vec![chat, events, alerts]
    }
}

#[tokio::test]
async fn c6_m3_a_ban_on_one_replica_ends_the_streams_on_the_other_within_2_seconds() {
    let mesh = two_replicas().await;
    let moderator = moderator(&mesh, "watch").await;
    let (people, made) = members(&mesh, 2).await;
    let ended = all_three(&mesh, &people[1], &made).await;
    let ban = ban_of(&people[1].id().await);
    let (answers, banned) = tokio::join!(ended(), moderator.ban_as(ban));
    banned.unwrap();
    for (reason, took) in &answers {
        assert_eq!(reason, "USER_BANNED");
        assert!(*took < IN_TIME, "{took:?}");
    }
    eprintln!("a ban ended the streams of the other replica after {answers:?}");
    assert_eq!(reason(people[1].listen(&made, None).await.map(drop)), "USER_BANNED");
}

#[tokio::test]
async fn c6_m3_a_second_ban_ends_the_streams_of_who_was_banned_before() {
    let mesh = two_replicas().await;
    let moderator = moderator(&mesh, "watch").await;
    let (people, made) = members(&mesh, 2).await;
    let person = mesh.person("again");
    let id = person.id().await;
    moderator.ban_as(ban_of(&id)).await.unwrap();
    moderator.unban(&id).await.unwrap();
    let event = people[0].crew(&made).await.unwrap().event_id;
    person.go(&event).await.unwrap();
    person.join(&made).await.unwrap();
    let ended = all_three(&mesh, &person, &made).await;
    let (answers, banned) = tokio::join!(ended(), moderator.ban_as(ban_of(&id)));
    banned.unwrap();
    for (reason, took) in answers {
        assert_eq!(reason, "USER_BANNED");
        assert!(took < IN_TIME, "{took:?}");
    }
}

#[tokio::test]
async fn c6_u6_who_deactivates_is_off_every_stream() {
    let mesh = two_replicas().await;
    let (people, made) = members(&mesh, 2).await;
    let ended = all_three(&mesh, &people[1], &made).await;
    crate::user::deactivate(&people[1]).await;
    for (reason, took) in ended().await {
        // Of the crew, the reaction may be first.
        assert!(["USER_DEACTIVATED", "NOT_MEMBER"].contains(&reason.as_str()), "{reason}");
        assert!(took < IN_TIME, "{took:?}");
    }
}

#[tokio::test]
async fn c6_a_stream_ends_with_its_token_and_says_so_before() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let short = Person::named("person-1").with_expires_at(i64::try_from(now + 3).unwrap());
    let mut live = people[1].with_token(mesh.issuer().token(&short)).listening(&made).await;
    let (reason, took) = ends(&mut live).await;
    assert_eq!(reason, "TOKEN_EXPIRED");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn c7_a_token_in_the_url_is_none() {
    let mesh = Mesh::start().await;
    let person = mesh.person("person");
    person.id().await;
    let addr = mesh.addr("group").unwrap();
    for name in ["access_token", "authorization", "token"] {
        let path = format!("/crewup.group.v1.GroupService/ListMyGroups?{name}={}", person.token());
        let answer = raw::call(addr, Box::leak(path.into_boxed_str()), &[], Vec::new()).await;
        assert_eq!(reason(answer.map(drop)), "TOKEN_MISSING");
    }
}

#[tokio::test]
async fn x13_a_process_that_stops_sends_its_streams_elsewhere_and_none_loses_anything() {
    let mut mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 20).await;
    let mut open = Vec::new();
    for n in 0..200 {
        open.push(people[n % people.len()].listening(&made).await);
    }
    mesh.add(&crewup_group::SERVICE, &[]).await;
    // Each goes on with one's own streams.
    let elsewhere: Vec<_> = people.iter().map(|person| mesh.elsewhere(person)).collect();
    let sender = &elsewhere[0];
    let stopping = mesh.take("group");
    let begun = Instant::now();
    let says = async {
        for n in 0..15 {
            sender.say(&made, &format!("{n}")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let moves = join_all(open.iter_mut().enumerate().map(async |(n, live)| {
        let mut got = 20;
        let end = loop {
            match live.next().await {
                Ok(item) => {
                    if let Some(crewup_proto::group::stream_group_response::Change::Entry(entry)) = item.change {
                        assert_eq!(entry.sequence, got + 1);
                        got = entry.sequence;
                    }
                }
                Err(status) => break Refusal::of(&status),
            }
        };
        let ended = begun.elapsed();
        assert_eq!((end.reason.as_str(), end.sequence), ("STREAM_MOVED", Some(got)));
        let mut resumed = elsewhere[n % elsewhere.len()].listen(&made, Some(got)).await.unwrap();
        let mut left: Vec<_> = resumed.history().await;
        while left.last().copied().unwrap_or(got) < 35 {
            left.push(resumed.entry().await.sequence);
        }
        assert_eq!(left, (got + 1..=35).collect::<Vec<_>>());
        ended
    }));
    let (_, ended, ()) = tokio::join!(says, moves, async {
        stopping.stop().await;
        // 20 seconds of grace, of which streams take a quarter.
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    });
    let (first, last) = (ended.iter().min().unwrap(), ended.iter().max().unwrap());
    assert!(*last - *first > Duration::from_millis(500), "not all at once: {first:?} to {last:?}");
}
