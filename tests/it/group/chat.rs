//! Messages (C1, C3, C8-C10, C13, C15).

use chrono::Duration;
use crewup_proto::group::*;
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, private_party, request_id},
    refusal::{reason, refused},
};
use tonic_types::StatusExt as _;

use super::{absent, counted, going, going_to};
use crate::user::erase;

/// Two members of a crew, the first its admin.
async fn two(mesh: &Mesh) -> (Vec<Persona>, String) {
    let (people, event) = going(mesh, 3).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    (people, made)
}

#[tokio::test]
async fn c1_content_is_trimmed_and_must_be_seen() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let sent = people[0].say(&made, "  Where are you?\n").await.unwrap();
    assert_eq!((sent.content.as_str(), sent.sequence, sent.is_edited), ("Where are you?", 3, false));
    assert_eq!(sent.sender.unwrap().user_id, people[0].id().await);
    assert_eq!(sent.edit_end_time.unwrap().seconds - sent.send_time.unwrap().seconds, 15 * 60);
    people[0].say(&made, &"🎉".repeat(2000)).await.unwrap();
    for wrong in ["", "   ", "\u{200b}\u{2060}", "\u{3164}", "a\0b", &"a".repeat(2001)] {
        assert_eq!(refused(people[0].say(&made, wrong).await).fields, ["content"]);
        assert_eq!(refused(people[0].reword(&sent.id, wrong).await).fields, ["message.content"]);
    }
    assert_eq!(counted(&mesh, &made).await.1, 4);
}

#[tokio::test]
async fn c3_a_retry_answers_the_same_message_by_todays_rights() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let request = SendMessageRequest { group_id: made.clone(), content: "Hello".into(), request_id: request_id() };
    let send = |request: SendMessageRequest| async { people[1].groups().send_message(request).await };
    let first = send(request.clone()).await.unwrap().into_inner();
    people[1].reword(&first.message.as_ref().unwrap().id, "Hi").await.unwrap();
    let again = send(request.clone()).await.unwrap().into_inner().message.unwrap();
    assert_eq!((&again.id, again.content.as_str()), (&first.message.unwrap().id, "Hi"));
    let other = SendMessageRequest { content: "Bye".into(), ..request.clone() };
    assert_eq!(reason(send(other).await), "REQUEST_ID_REUSED");
    mesh.db.advance(Duration::days(10)).await;
    send(request.clone()).await.unwrap();
    people[1].quit(&made).await.unwrap();
    assert_eq!(reason(send(request).await), "NOT_MEMBER");
}

#[tokio::test]
async fn c8_the_author_edits_within_15_minutes_and_only_a_real_change_is_one() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let sent = people[1].say(&made, "Helo").await.unwrap();
    let same = people[1].reword(&sent.id, " Helo ").await.unwrap();
    assert_eq!(same, sent, "nothing changed");
    assert_eq!(counted(&mesh, &made).await.1, 3);
    let edited = people[1].reword(&sent.id, "Hello").await.unwrap();
    assert_eq!((edited.content.as_str(), edited.is_edited, edited.sequence), ("Hello", true, sent.sequence));
    assert!(edited.edit_time.is_some());
    assert_eq!(counted(&mesh, &made).await.1, 4, "an edit is an entry of the timeline");
    assert_eq!(reason(people[0].reword(&sent.id, "No").await), "NOT_OWNER", "an admin edits nobody");
    assert_eq!(reason(people[2].reword(&sent.id, "No").await), "NOT_FOUND", "an outsider does not see it");
    assert_eq!(reason(people[1].reword(&absent(), "No").await), "NOT_FOUND");

    mesh.db.advance(Duration::minutes(15)).await;
    assert_eq!(reason(people[1].reword(&sent.id, "Late").await), "EDIT_WINDOW_OVER");
    people[1].reword(&sent.id, "Hello").await.unwrap();
    people[1].retract(&sent.id).await.unwrap();
    assert_eq!(reason(people[1].reword(&sent.id, "Hello").await), "MESSAGE_DELETED");
    people[1].quit(&made).await.unwrap();
    assert_eq!(reason(people[1].reword(&sent.id, "Hello").await), "NOT_MEMBER");
}

#[tokio::test]
async fn c9_a_deletion_leaves_a_tombstone_and_keeps_who_was_first() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let (own, theirs, rude, left) = (
        people[1].say(&made, "secret one").await.unwrap().id,
        people[1].say(&made, "secret two").await.unwrap().id,
        people[0].say(&made, "secret three").await.unwrap().id,
        people[1].say(&made, "secret four").await.unwrap().id,
    );
    assert_eq!(reason(people[1].retract(&rude).await), "NOT_OWNER");
    assert_eq!(reason(people[2].retract(&rude).await), "NOT_FOUND");
    let moderator = mesh.person("mod");
    people[1].quit(&made).await.unwrap();
    for (person, message, deleter) in [
        (&people[1], &own, MessageDeleter::Author),
        (&people[0], &theirs, MessageDeleter::CrewAdmin),
        (&moderator, &rude, MessageDeleter::Moderator),
        (&people[1], &left, MessageDeleter::Author),
    ] {
        let gone = person.retract(message).await.unwrap();
        assert_eq!((gone.content.as_str(), gone.deleter()), ("", deleter));
        assert!(gone.delete_time.is_some());
        assert_eq!(moderator.retract(message).await.unwrap(), gone, "a second time keeps who was first");
    }
    let text: Option<String> =
        sqlx::query_scalar("select string_agg(t::text, ' ') from messages t where t::text like '%secret%'")
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
    assert_eq!(text, None, "the content is overwritten");
    counted(&mesh, &made).await;
    let entries = people[0].read(&made, None, 0).await.unwrap().entries;
    let tombs = entries.iter().filter(|entry| matches!(&entry.content, Some(timeline_entry::Content::Message(_))));
    assert_eq!(tombs.count(), 4);
}

#[tokio::test]
async fn c9_a_moderator_deletes_messages_of_private_events_too() {
    let mesh = Mesh::start().await;
    let (people, event) = going_to(&mesh, private_party(None), 1).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap();
    let message = people[0].say(&made.id, "Rude").await.unwrap();
    assert_eq!(mesh.person("mod").retract(&message.id).await.unwrap().deleter(), MessageDeleter::Moderator);
}

#[tokio::test]
async fn c10_the_marker_only_moves_forward_and_unread_is_what_others_said_after_it() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let unread = |person: usize| {
        let person = &people[person];
        async { person.crew(&made).await.unwrap().unread_count.unwrap() }
    };
    let first = people[0].say(&made, "one").await.unwrap();
    let second = people[0].say(&made, "two").await.unwrap();
    people[1].say(&made, "three").await.unwrap();
    assert_eq!((unread(0).await, unread(1).await), (1, 2), "the own messages count as read");
    let marked = people[1].mark_read(&made, first.sequence).await.unwrap();
    assert_eq!((marked.read_sequence, marked.unread_count), (first.sequence, 1));
    let back = people[1].mark_read(&made, 1).await.unwrap();
    assert_eq!((back.read_sequence, back.unread_count), (first.sequence, 1));
    people[0].retract(&second.id).await.unwrap();
    assert_eq!(unread(1).await, 0, "deleted messages do not count");
    let end = people[1].mark_read(&made, i64::MAX).await.unwrap();
    assert_eq!((end.read_sequence, end.unread_count), (6, 0), "never beyond the last");
    assert_eq!(refused(people[1].mark_read(&made, 0).await).fields, ["sequence"]);

    people[2].join(&made).await.unwrap();
    let fresh = people[2].crew(&made).await.unwrap();
    assert_eq!((fresh.unread_count, fresh.my_membership.unwrap().read_sequence), (Some(0), Some(7)));
    people[1].quit(&made).await.unwrap();
    people[0].say(&made, "four").await.unwrap();
    people[1].join(&made).await.unwrap();
    assert_eq!(unread(1).await, 0, "what was said while one was away is nobody's unread");
}

#[tokio::test]
async fn c13_twenty_messages_in_ten_seconds_and_the_answer_says_when_the_next() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    for number in 0..20 {
        people[0].say(&made, &format!("{number}")).await.unwrap();
        mesh.db.advance(Duration::milliseconds(300)).await;
    }
    let status = people[0].say(&made, "one more").await.unwrap_err();
    let wait = status.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(reason::<()>(Err(status)), "RATE_LIMITED");
    // Six seconds passed by the clock that was moved, and whatever the calls took.
    assert!(wait.as_secs_f64() > 0.5 && wait.as_secs_f64() <= 4.0, "{wait:?}");
    people[1].say(&made, "Not me").await.unwrap();
    let event = people[0].crew(&made).await.unwrap().event_id;
    let other = people[0].form(crew(&event, 5)).await.unwrap();
    people[0].say(&other.id, "Nor there").await.unwrap();
    assert_eq!(counted(&mesh, &made).await.1, 23);
    mesh.db.advance(Duration::from_std(wait).unwrap()).await;
    people[0].say(&made, "one more").await.unwrap();
}

#[tokio::test]
async fn c15_the_chat_is_written_until_48_hours_after_the_end_and_read_after_that() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let closes = people[0].crew(&made).await.unwrap().chat_close_time.unwrap();
    mesh.db.advance(Duration::days(7) + Duration::hours(6 + 47)).await;
    let sent = people[0].say(&made, "Safe home?").await.unwrap();
    assert!((closes.seconds - sent.send_time.unwrap().seconds - 3600).abs() < 60);
    people[2].join(&made).await.unwrap();
    mesh.db.advance(Duration::hours(1)).await;
    assert_eq!(reason(people[0].say(&made, "Hello?").await), "CHAT_CLOSED");
    assert_eq!(reason(people[0].reword(&sent.id, "Hello?").await), "EDIT_WINDOW_OVER");
    people[0].reword(&sent.id, "Safe home?").await.unwrap();
    assert_eq!(people[1].read(&made, None, 0).await.unwrap().entries.len(), 4);
    people[1].mark_read(&made, 3).await.unwrap();
    people[0].retract(&sent.id).await.unwrap();
    let may = people[0].crew(&made).await.unwrap().allowed_actions;
    assert!(may.contains(&GroupAction::Read.into()) && !may.contains(&GroupAction::Write.into()));
}

#[tokio::test]
async fn c15_a_fresh_message_is_not_edited_once_the_chat_is_closed() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    mesh.db.advance(Duration::days(7) + Duration::hours(6 + 48) - Duration::minutes(5)).await;
    let sent = people[0].say(&made, "Helo").await.unwrap();
    mesh.db.advance(Duration::minutes(6)).await;
    assert_eq!(reason(people[0].reword(&sent.id, "Hello").await), "CHAT_CLOSED");
}

#[tokio::test]
async fn u8_messages_of_an_erased_person_stay_without_a_name() {
    let mesh = Mesh::start().await;
    let (people, made) = two(&mesh).await;
    let sent = people[1].say(&made, "Hello").await.unwrap();
    erase(&people[1], &people[1].id().await).await;
    let entries = people[0].read(&made, None, 0).await.unwrap().entries;
    let Some(timeline_entry::Content::Message(shown)) = &entries[2].content else { panic!("{entries:?}") };
    let sender = Person { user_id: people[1].id().await, ..Default::default() };
    assert_eq!((shown.content.as_str(), shown.sender.as_ref()), (sent.content.as_str(), Some(&sender)));
}
