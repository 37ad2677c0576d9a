//! The chat as it happens (C4, C8, C9, C11, G8, G11).

use std::time::{Duration, Instant};

use crewup_proto::group::{MemberRole, StreamGroupRequest, stream_group_response::Change, timeline_entry::Content};
use crewup_tests::{
    Mesh,
    persona::crew,
    refusal::{Refusal, reason, refused},
};

use super::{members, untold};
use crate::group::{absent, going};

#[tokio::test]
async fn c4_history_comes_in_order_then_the_marker_then_everything_new() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    for n in 0..5 {
        people[0].say(&made, &format!("{n}")).await.unwrap();
    }
    let mut live = people[1].listen(&made, Some(0)).await.unwrap();
    assert_eq!(live.history().await, (1..=7).collect::<Vec<_>>());
    for n in 8..20 {
        people[0].say(&made, "new").await.unwrap();
        assert_eq!(live.entry().await.sequence, n);
    }
    let mut resumed = people[1].listen(&made, Some(12)).await.unwrap();
    assert_eq!(resumed.history().await, (13..=19).collect::<Vec<_>>(), "from a number on");
    let mut fresh = people[1].listen(&made, None).await.unwrap();
    assert_eq!(fresh.history().await, [] as [i64; 0], "only what is new");
    people[1].say(&made, "mine").await.unwrap();
    for live in [&mut live, &mut resumed, &mut fresh] {
        assert_eq!(live.text().await, "mine", "the sender's own, too");
    }
}

#[tokio::test]
async fn c4_a_long_history_is_read_in_bites_without_a_gap() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    untold(&mesh, &made, &people[0], 950, "x").await;
    let mut live = people[1].listen(&made, Some(0)).await.unwrap();
    assert_eq!(live.history().await, (1..=952).collect::<Vec<_>>());
    people[1].say(&made, "new").await.unwrap();
    assert_eq!(live.text().await, "new");
}

#[tokio::test]
async fn c4_a_cursor_beyond_the_end_says_so_and_the_end_itself_is_none() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    assert_eq!(reason(people[0].listen(&made, Some(3)).await.map(drop)), "CURSOR_OUT_OF_RANGE");
    assert!(people[0].listen(&made, Some(2)).await.unwrap().history().await.is_empty());
    for (request, field) in [
        (
            StreamGroupRequest { group_id: made.clone(), after_sequence: Some(-1), ..Default::default() },
            "after_sequence",
        ),
        (
            StreamGroupRequest { group_id: made.clone(), heartbeat_seconds: 4, ..Default::default() },
            "heartbeat_seconds",
        ),
        (
            StreamGroupRequest { group_id: made.clone(), heartbeat_seconds: 61, ..Default::default() },
            "heartbeat_seconds",
        ),
        (StreamGroupRequest { group_id: "x".into(), ..Default::default() }, "group_id"),
    ] {
        assert_eq!(refused(people[0].listen_as(request).await.map(drop)).fields, [field]);
    }
    assert_eq!(reason(people[0].listen(&absent(), None).await.map(drop)), "NOT_FOUND");
}

#[tokio::test]
async fn c8_c9_g11_edits_deletions_and_members_are_events_of_the_stream() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    let mut live = people[0].listening(&made).await;
    let ids = [people[0].id().await, people[1].id().await, people[2].id().await];

    people[1].join(&made).await.unwrap();
    let Some(Content::MemberJoined(joined)) = live.entry().await.content else { panic!("a join") };
    assert_eq!((joined.person.unwrap().user_id, joined.role), (ids[1].to_owned(), MemberRole::Member.into()));

    let sent = people[1].say(&made, "Helo").await.unwrap();
    let Some(Content::Message(message)) = live.entry().await.content else { panic!("a message") };
    assert_eq!(message, sent, "what the sender was told");
    let edited = people[1].reword(&sent.id, "Hello").await.unwrap();
    let entry = live.entry().await;
    let Some(Content::MessageEdited(message)) = entry.content else { panic!("an edit") };
    assert_eq!(message, edited);
    assert_eq!(entry.sequence, message.sequence + 1, "an entry of its own; the message keeps its number");
    people[1].retract(&sent.id).await.unwrap();
    let Some(Content::MessageDeleted(message)) = live.entry().await.content else { panic!("a deletion") };
    assert_eq!((message.content.as_str(), message.sequence), ("", sent.sequence));

    people[0].set_role(&made, &ids[1], MemberRole::Admin).await.unwrap();
    assert!(matches!(live.entry().await.content, Some(Content::MemberPromoted(_))));
    people[0].set_role(&made, &ids[1], MemberRole::Member).await.unwrap();
    assert!(matches!(live.entry().await.content, Some(Content::MemberDemoted(_))));
    people[0].remove(&made, &ids[1], false).await.unwrap();
    assert!(matches!(live.entry().await.content, Some(Content::MemberRemoved(_))));
    people[2].join(&made).await.unwrap();
    assert!(matches!(live.entry().await.content, Some(Content::MemberJoined(_))));
    people[2].quit(&made).await.unwrap();
    assert!(matches!(live.entry().await.content, Some(Content::MemberLeft(_))));

    let all = people[0].listen(&made, Some(0)).await.unwrap().history().await;
    assert_eq!(all, (1..=10).collect::<Vec<_>>(), "and so from the table");
}

#[tokio::test]
async fn c4_what_is_written_on_one_replica_is_on_the_streams_of_the_other_without_waiting_for_its_look() {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_group::SERVICE, &[]).await;
    let (people, made) = members(&mesh, 2).await;
    let there = mesh.elsewhere(&people[1]);
    let mut live = there.listening(&made).await;
    // The other replica listens once its first wake-up arrives.
    let mut took = Vec::new();
    for n in 0..12 {
        let begun = Instant::now();
        people[0].say(&made, &format!("{n}")).await.unwrap();
        assert_eq!(live.text().await, format!("{n}"));
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    // By its look alone it would be half a second.
    assert!(took[6] < Duration::from_millis(250), "{took:?}");
}

#[tokio::test]
async fn c4_a_wake_up_that_is_lost_costs_at_most_a_second() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    let mut live = people[1].listening(&made).await;
    for n in 3..6 {
        let begun = Instant::now();
        untold(&mesh, &made, &people[0], 1, "lost").await;
        assert_eq!(live.entry().await.sequence, n);
        assert!(begun.elapsed() < Duration::from_millis(1800), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn c4_c6_the_first_thing_says_where_the_stream_stands_and_when_it_will_end() {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_group::SERVICE, &["--max-stream-seconds", "3"]).await;
    let (people, made) = members(&mesh, 2).await;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let Change::Opened(opened) = people[0].listen(&made, Some(1)).await.unwrap().change().await else { panic!() };
    assert_eq!(opened.after_sequence, 1);
    let lasts = opened.end_time.unwrap().seconds - now();
    // The tests' tokens last five minutes.
    assert!((240..=300).contains(&lasts), "with the token at the latest: {lasts}");

    let there = mesh.elsewhere(&people[0]);
    let mut live = there.listen(&made, None).await.unwrap();
    let Change::Opened(opened) = live.change().await else { panic!() };
    let begun = Instant::now();
    let end = live.end().await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!((now() - opened.end_time.unwrap().seconds).abs() <= 1);
    let end = Refusal::of(&end);
    assert_eq!((end.reason.as_str(), end.sequence), ("STREAM_MOVED", Some(2)), "with the number to go on from");
}

#[tokio::test]
async fn c4_a_stream_on_which_nothing_happens_shows_that_it_is_alive() {
    let mesh = Mesh::start().await;
    let (people, made) = members(&mesh, 2).await;
    let request = StreamGroupRequest { group_id: made.clone(), heartbeat_seconds: 5, ..Default::default() };
    let mut live = people[0].listen_as(request).await.unwrap();
    live.history().await;
    let begun = Instant::now();
    let Change::Heartbeat(beat) = live.change().await else { panic!("a heartbeat") };
    assert_eq!(beat.sequence, 2);
    assert!((4..=7).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn c11_who_is_writing_is_shown_to_the_others_on_every_replica_and_stored_nowhere() {
    let mut mesh = Mesh::start().await;
    mesh.add(&crewup_group::SERVICE, &[]).await;
    let (people, made) = members(&mesh, 3).await;
    let mut here = people[0].listening(&made).await;
    let mut there = mesh.elsewhere(&people[2]).listening(&made).await;
    let mut own = people[1].listening(&made).await;
    people[1].types(&made).await.unwrap();
    for live in [&mut here, &mut there] {
        let Change::Typing(typing) = live.change().await else { panic!("who is writing") };
        assert_eq!(typing.person.unwrap().user_id, people[1].id().await);
        assert!(typing.expire_time.is_some());
    }
    assert!(own.is_silent_for(Duration::from_millis(300)).await, "nobody is told of oneself");
    let again = refused(people[1].types(&made).await);
    assert_eq!((again.reason.as_str(), again.retry_after.is_some()), ("RATE_LIMITED", true));
    people[0].types(&made).await.unwrap();
    let Change::Typing(typing) = own.change().await else { panic!("who is writing") };
    assert_eq!(typing.person.unwrap().user_id, people[0].id().await);
    assert_eq!(crate::group::counted(&mesh, &made).await.1, 3, "no entry of the timeline");

    let stranger = mesh.person("stranger");
    stranger.id().await;
    assert_eq!(reason(stranger.types(&made).await), "NOT_MEMBER");
    mesh.db.advance(chrono::Duration::days(30)).await;
    assert_eq!(reason(people[2].types(&made).await), "CHAT_CLOSED");
}
