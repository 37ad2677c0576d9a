//! Lists and the search of crews (G3, E21, E23).

use chrono::Duration;
use crewup_proto::{event::Event, group::*};
use crewup_tests::{
    Mesh, Persona,
    persona::{crew, in_hours, pages, party},
    refusal::reason,
};

use super::{absent, going, going_to};

fn names(crews: &[Group]) -> Vec<&str> {
    crews.iter().map(|crew| crew.name.as_str()).collect()
}

fn named(event: &str, name: &str, max_members: i32) -> Group {
    Group { name: name.into(), ..crew(event, max_members) }
}

/// All pages, one after the other.
async fn search_all(person: &Persona, request: SearchGroupsRequest) -> Vec<Group> {
    let page = async |request| {
        let page = person.groups().search_groups(request).await.unwrap().into_inner();
        (page.groups, page.next_page_token)
    };
    pages(request, page).await
}

async fn find(person: &Persona, request: SearchGroupsRequest) -> Vec<Group> {
    person.groups().search_groups(request).await.unwrap().into_inner().groups
}

fn text(query: &str) -> SearchGroupsRequest {
    SearchGroupsRequest { query: query.into(), ..Default::default() }
}

#[tokio::test]
async fn g3_the_crews_of_an_event_oldest_first_page_by_page_and_only_with_places() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(people[0].form(named(&event, &format!("Crew {number}"), 2)).await.unwrap());
    }
    people[1].join(&made[2].id).await.unwrap();
    people[0].disband(&made[4].id).await.unwrap();
    let stranger = mesh.person("stranger");
    let mut seen = Vec::new();
    let mut request = ListGroupsRequest { event_id: event.clone(), page_size: 2, ..Default::default() };
    loop {
        let page = stranger.groups().list_groups(request.clone()).await.unwrap().into_inner();
        assert!(page.groups.len() <= 2);
        seen.extend(page.groups);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names(&seen), ["Crew 0", "Crew 1", "Crew 2", "Crew 3", "Crew 5", "Crew 6"]);
    let free = ListGroupsRequest { event_id: event.clone(), only_with_free_places: true, ..Default::default() };
    let free = stranger.groups().list_groups(free).await.unwrap().into_inner().groups;
    assert_eq!(names(&free), ["Crew 0", "Crew 1", "Crew 3", "Crew 5", "Crew 6"]);
    let other = ListGroupsRequest { event_id: event, page_token: request.page_token, ..Default::default() };
    assert_eq!(reason(people[1].groups().list_groups(other).await), "INVALID_PAGE_TOKEN", "another's token");
    let none = ListGroupsRequest { event_id: absent(), ..Default::default() };
    assert_eq!(reason(stranger.groups().list_groups(none).await), "NOT_FOUND");
}

#[tokio::test]
async fn c15_ones_own_crews_latest_joined_first_of_one_event_or_all_and_only_those_that_are_open() {
    let mesh = Mesh::start().await;
    let (people, late) = going(&mesh, 2).await;
    let soon = Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(2)), ..party(None) };
    let soon = people[0].create(soon).await.unwrap().id;
    let cancelled = people[0].create(party(None)).await.unwrap().id;
    for event in [&soon, &cancelled] {
        people[1].go(event).await.unwrap();
    }
    let mut ids = Vec::new();
    for (event, name) in [(&late, "Late"), (&soon, "Soon"), (&cancelled, "Cancelled"), (&late, "Later")] {
        ids.push(people[0].form(named(event, name, 5)).await.unwrap().id);
    }
    for id in [&ids[1], &ids[0], &ids[2]] {
        people[1].join(id).await.unwrap();
    }
    people[0].say(&ids[0], "Hello").await.unwrap();
    people[0].cancel(&cancelled).await.unwrap();
    let list =
        |request: ListMyGroupsRequest| async { people[1].groups().list_my_groups(request).await.unwrap().into_inner() };
    let all = list(ListMyGroupsRequest::default()).await.groups;
    assert_eq!(names(&all), ["Cancelled", "Late", "Soon"]);
    assert_eq!((all[1].unread_count, all[1].last_sequence), (Some(1), Some(3)));
    let first = list(ListMyGroupsRequest { page_size: 2, ..Default::default() }).await;
    let rest = ListMyGroupsRequest { page_size: 2, page_token: first.next_page_token, ..Default::default() };
    assert_eq!(names(&list(rest).await.groups), ["Soon"]);
    assert_eq!(names(&list(ListMyGroupsRequest { event_id: late, ..Default::default() }).await.groups), ["Late"]);

    let open = ListMyGroupsRequest { only_open: true, ..Default::default() };
    mesh.db.advance(Duration::hours(49)).await;
    assert_eq!(list(open.clone()).await.groups.len(), 3);
    mesh.db.advance(Duration::hours(2)).await;
    assert_eq!(names(&list(open.clone()).await.groups), ["Cancelled", "Late"], "48 hours after its end");
    mesh.db.advance(Duration::hours(22)).await;
    assert_eq!(names(&list(open).await.groups), ["Late"], "72 hours after its cancellation");
    people[1].quit(&ids[1]).await.unwrap();
    assert_eq!(list(ListMyGroupsRequest::default()).await.groups.len(), 2);
}

#[tokio::test]
async fn e23_crews_are_found_by_name_and_description_whatever_case_accents_or_a_typo() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    let jazz = Group { description: "Wir treffen uns am Bürkliplatz".into(), ..named(&event, "Café Jazz", 5) };
    people[0].form(jazz).await.unwrap();
    people[0].form(named(&event, "100% Techno", 5)).await.unwrap();
    let stranger = mesh.person("stranger");
    for query in ["cafe jazz", "CAFÉ", "burkliplatz", "bürklipltaz", "jaz"] {
        assert_eq!(names(&find(&stranger, text(query)).await), ["Café Jazz"], "{query}");
    }
    assert_eq!(names(&find(&stranger, text("0% t")).await)[0], "100% Techno");
    assert_eq!(find(&stranger, text("%")).await.len(), 1, "a wildcard is text");
    for odd in ["\\", "'", "\"; drop table groups; --", "🎉", "_", "\u{301}", "a"] {
        find(&stranger, text(odd)).await;
    }
    assert_eq!(reason(stranger.groups().search_groups(text("  ")).await), "INVALID_FIELDS");
    let none = SearchGroupsRequest { event_id: absent(), ..text("jazz") };
    assert_eq!(reason(stranger.groups().search_groups(none).await), "NOT_FOUND");
}

#[tokio::test]
async fn e21_e23_crews_with_all_the_words_come_before_those_that_are_only_alike_page_by_page() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    for (name, description) in [
        ("Techno Session", ""),
        ("Moods, for all who are tired of sitting at home", "Techno"),
        ("Techno Walk", ""),
        ("Techno im Moods", ""),
    ] {
        people[0].form(Group { description: description.into(), ..named(&event, name, 5) }).await.unwrap();
    }
    let all = find(&people[0], text("moods techno")).await;
    assert_eq!(all.len(), 4);
    assert!(names(&all)[..2].iter().all(|name| name.contains("Moods")), "{:?}", names(&all));
    for page_size in 1..=3 {
        let paged = search_all(&people[0], SearchGroupsRequest { page_size, ..text("moods techno") }).await;
        assert_eq!(names(&paged), names(&all), "{page_size} at once");
    }
}

#[tokio::test]
async fn e23_the_search_leaves_out_what_is_over_cancelled_archived_or_full_as_it_is_asked() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 2).await;
    let soon = Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(2)), ..party(None) };
    let (soon, cancelled) = (people[0].create(soon).await.unwrap().id, people[0].create(party(None)).await.unwrap().id);
    let full = people[0].form(named(&event, "Owls, full", 2)).await.unwrap();
    people[1].join(&full.id).await.unwrap();
    people[0].form(named(&event, "Owls", 2)).await.unwrap();
    let archived = people[0].form(named(&event, "Owls, archived", 2)).await.unwrap();
    people[0].disband(&archived.id).await.unwrap();
    people[0].form(named(&soon, "Owls, over", 2)).await.unwrap();
    people[0].form(named(&cancelled, "Owls, cancelled", 2)).await.unwrap();
    people[0].cancel(&cancelled).await.unwrap();
    mesh.db.advance(Duration::hours(3)).await;
    let stranger = mesh.person("stranger");
    let mut found = find(&stranger, text("owls")).await;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(names(&found), ["Owls", "Owls, full"]);
    let free = SearchGroupsRequest { only_with_free_places: true, ..text("owls") };
    assert_eq!(names(&find(&stranger, free).await), ["Owls"]);
    let of = |event: &str| SearchGroupsRequest { event_id: event.into(), ..text("owls") };
    assert_eq!(names(&find(&stranger, of(&soon)).await), ["Owls, over"], "of one event, over or not");
    let paged = search_all(&stranger, SearchGroupsRequest { page_size: 1, ..text("owls") }).await;
    assert_eq!(paged.len(), 2);
}

#[tokio::test]
async fn e21_members_and_admins_lists_page_without_a_double() {
    let mesh = Mesh::start().await;
    let (people, event) = going_to(&mesh, party(None), 6).await;
    let made = people[0].form(crew(&event, 10)).await.unwrap().id;
    for person in &people[1..] {
        person.join(&made).await.unwrap();
    }
    let request = ListMembersRequest { group_id: made, page_size: 4, ..Default::default() };
    let seen = pages(request, async |request| {
        let page = people[3].groups().list_members(request).await.unwrap().into_inner();
        (page.members, page.next_page_token)
    });
    let seen: Vec<_> = seen.await.into_iter().map(|member| member.user_id).collect();
    assert_eq!(seen, crate::user::ids(&people).await);
}
