//! The timeline and its pages (C2, G11).

use crewup_proto::group::{list_messages_request::Position, timeline_entry::Content, *};
use crewup_tests::{Mesh, persona::crew, refusal::reason};

use super::{counted, going};
use crate::user::ids;

/// What an entry says, in a word, with whom it is about.
fn said(entry: &TimelineEntry) -> (i64, &str, &str) {
    let id = |person: &Option<Person>| person.as_ref().map(|person| person.user_id.clone()).unwrap_or_default();
    let (kind, user) = match entry.content.as_ref().unwrap() {
        Content::Message(message) => ("message", id(&message.sender)),
        Content::MessageEdited(_) => ("edited", String::new()),
        Content::MessageDeleted(_) => ("deleted", String::new()),
        Content::MemberJoined(joined) => ("joined", id(&joined.person)),
        Content::MemberLeft(left) => ("left", id(&left.person)),
        Content::MemberRemoved(removed) => ("removed", id(&removed.person)),
        Content::MemberPromoted(promoted) => ("promoted", id(&promoted.person)),
        Content::MemberDemoted(demoted) => ("demoted", id(&demoted.person)),
    };
    (entry.sequence, kind, user.leak())
}

#[tokio::test]
async fn g11_joins_leaves_removals_and_roles_are_entries_among_the_messages() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 4).await;
    let ids = ids(&people).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[1].join(&made).await.unwrap();
    people[2].join(&made).await.unwrap();
    people[1].say(&made, "Hello").await.unwrap();
    people[0].set_role(&made, &ids[1], MemberRole::Admin).await.unwrap();
    people[0].set_role(&made, &ids[1], MemberRole::Member).await.unwrap();
    people[0].remove(&made, &ids[2], true).await.unwrap();
    people[3].join(&made).await.unwrap();
    people[3].quit(&made).await.unwrap();
    let read = people[1].read(&made, None, 0).await.unwrap();
    let expected = [
        (1, "joined", ids[0].as_str()),
        (2, "joined", &ids[1]),
        (3, "joined", &ids[2]),
        (4, "message", &ids[1]),
        (5, "promoted", &ids[1]),
        (6, "demoted", &ids[1]),
        (7, "removed", &ids[2]),
        (8, "joined", &ids[3]),
        (9, "left", &ids[3]),
    ];
    assert_eq!(read.entries.iter().map(said).collect::<Vec<_>>(), expected);
    assert_eq!((read.has_more, read.last_sequence), (false, 9));
    let Some(Content::MemberJoined(first)) = &read.entries[0].content else { panic!("{read:?}") };
    assert_eq!((first.role(), &first.approved_by), (MemberRole::Admin, &None));
    let Some(Content::MemberRemoved(removed)) = &read.entries[6].content else { panic!("{read:?}") };
    assert_eq!(removed.removed_by.as_ref().unwrap().user_id, ids[0]);
    let Some(Content::MemberLeft(left)) = &read.entries[8].content else { panic!("{read:?}") };
    assert_eq!(left.cause(), LeaveCause::Left);
    counted(&mesh, &made).await;
}

#[tokio::test]
async fn c2_pages_go_both_ways_by_number_with_gaps_only_where_edits_and_deletions_are() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    let mut messages = Vec::new();
    for number in 0..8 {
        let message = people[0].say(&made, &format!("{number}")).await.unwrap();
        if number % 3 == 0 {
            people[0].reword(&message.id, &format!("{number}!")).await.unwrap();
        }
        messages.push(message);
    }
    people[0].retract(&messages[7].id).await.unwrap();
    people[1].join(&made).await.unwrap();
    // 1 joined; 2 0, 3 edit, 4 1, 5 2, 6 3, 7 edit, 8 4, 9 5, 10 6, 11 edit, 12 7, 13 deletion; 14 joined.
    let all = [1, 2, 4, 5, 6, 8, 9, 10, 12, 14];
    assert_eq!(counted(&mesh, &made).await.1, 14);
    let numbers = |read: &ListMessagesResponse| read.entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>();
    let newest = people[1].read(&made, None, 3).await.unwrap();
    assert_eq!((numbers(&newest), newest.has_more, newest.last_sequence), (vec![10, 12, 14], true, 14));

    let (mut back, mut before) = (Vec::new(), Some(Position::BeforeSequence(15)));
    while let Some(position) = before {
        let read = people[1].read(&made, Some(position), 3).await.unwrap();
        before = read.has_more.then(|| Position::BeforeSequence(read.entries[0].sequence));
        back.splice(0..0, numbers(&read));
    }
    assert_eq!(back, all);
    let (mut on, mut after) = (Vec::new(), Some(Position::AfterSequence(0)));
    while let Some(position) = after {
        let read = people[1].read(&made, Some(position), 4).await.unwrap();
        after = read.has_more.then(|| Position::AfterSequence(read.entries.last().unwrap().sequence));
        on.extend(numbers(&read));
    }
    assert_eq!(on, all);

    let shown: Vec<_> = people[1]
        .read(&made, None, 0)
        .await
        .unwrap()
        .entries
        .iter()
        .filter_map(|entry| match entry.content.as_ref() {
            Some(Content::Message(message)) => Some((message.content.clone(), message.is_edited)),
            _ => None,
        })
        .collect();
    let as_now =
        [("0!", true), ("1", false), ("2", false), ("3!", true), ("4", false), ("5", false), ("6!", true), ("", false)];
    assert_eq!(shown, as_now.map(|(content, edited)| (content.to_owned(), edited)));
}

#[tokio::test]
async fn c2_a_number_beyond_the_end_is_out_of_range_and_the_end_is_an_empty_page() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    let made = people[0].form(crew(&event, 5)).await.unwrap().id;
    people[0].say(&made, "Hello").await.unwrap();
    let at = |position| people[0].read(&made, Some(position), 0);
    let end = at(Position::AfterSequence(2)).await.unwrap();
    assert_eq!((end.entries.len(), end.has_more, end.last_sequence), (0, false, 2));
    assert_eq!(at(Position::BeforeSequence(1)).await.unwrap().entries.len(), 0);
    assert_eq!(reason(at(Position::AfterSequence(3)).await), "CURSOR_OUT_OF_RANGE");
    assert_eq!(reason(at(Position::BeforeSequence(4)).await), "CURSOR_OUT_OF_RANGE");
    assert_eq!(reason(at(Position::AfterSequence(-1)).await), "INVALID_FIELDS");
    assert_eq!(reason(at(Position::BeforeSequence(0)).await), "INVALID_FIELDS");
    assert_eq!(reason(people[0].read(&made, None, -1).await), "INVALID_FIELDS");
    assert_eq!(people[0].read(&made, None, 100_000).await.unwrap().entries.len(), 2, "clamped");
}
