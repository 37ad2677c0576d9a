use std::collections::HashSet;

use chrono::Duration;
use crewup_issuer::Person;
use crewup_proto::{event::Event, user::*};
use crewup_tests::{
    Mesh, Persona,
    persona::{in_hours, party},
    refusal::{reason, refused},
};
use tonic::Status;

use super::{ids, met, stop_clock};

/// The lists of the user service.
#[derive(Clone, Debug)]
enum List {
    Search(String),
    Blocked,
    Ratings(String),
    Ratable(String),
}

impl List {
    /// One page, as what tells its rows apart, and the token of the next.
    async fn page(&self, person: &Persona, page_size: i32, page_token: &str) -> Result<(Vec<String>, String), Status> {
        let (mut users, page_token) = (person.users(), page_token.to_owned());
        Ok(match self.clone() {
            Self::Search(query) => {
                let page = users.search_users(SearchUsersRequest { query, page_size, page_token }).await?.into_inner();
                (page.users.into_iter().map(|user| user.id).collect(), page.next_page_token)
            }
            Self::Blocked => {
                let request = ListBlockedUsersRequest { page_size, page_token };
                let page = users.list_blocked_users(request).await?.into_inner();
                (page.users.into_iter().map(|user| user.user_id).collect(), page.next_page_token)
            }
            Self::Ratings(user_id) => {
                let page =
                    users.list_ratings(ListRatingsRequest { user_id, page_size, page_token }).await?.into_inner();
                (page.ratings.into_iter().map(|rating| rating.id).collect(), page.next_page_token)
            }
            Self::Ratable(event_id) => {
                let request = ListRatableUsersRequest { event_id, page_size, page_token };
                let page = users.list_ratable_users(request).await?.into_inner();
                let row = |user: RatableUser| format!("{} {}", user.event_id, user.user_id);
                (page.users.into_iter().map(row).collect(), page.next_page_token)
            }
        })
    }

    /// All rows, in pages of `size`.
    async fn all(&self, person: &Persona, size: i32) -> Vec<String> {
        let (mut rows, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = self.page(person, size, &token).await.unwrap();
            assert!(page.len() <= size as usize && (next.is_empty() || page.len() == size as usize));
            rows.extend(page);
            token = next;
            if token.is_empty() {
                return rows;
            }
        }
    }
}

/// Seven people after an event. The first was rated by all others and blocked them; the second blocked nobody.
async fn stage(mesh: &Mesh) -> (Vec<Persona>, Vec<String>, String) {
    let (people, event) = met(mesh, 7).await;
    let ids = ids(&people).await;
    // Everything at one instant, so that only the ids tell the rows apart.
    stop_clock(mesh, &event, "1 hour").await;
    for person in &people[1..] {
        person.rate(&ids[0], &event, 4).await.unwrap();
    }
    for id in &ids[1..] {
        people[0].block(id).await.unwrap();
    }
    (people, ids, event)
}

#[tokio::test]
async fn x14_pages_of_every_list_hold_each_row_once_whatever_their_size() {
    let mesh = Mesh::start().await;
    let (people, ids, event) = stage(&mesh).await;
    let moderator = mesh.person("mod");
    for (list, viewer, count) in [
        (List::Search("person".into()), &moderator, 7),
        (List::Blocked, &people[0], 6),
        (List::Ratings(ids[0].clone()), &moderator, 6),
        (List::Ratable(String::new()), &people[1], 5),
        (List::Ratable(event.clone()), &people[1], 5),
    ] {
        let whole = list.all(viewer, 100).await;
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), count, "{list:?}: {whole:?}");
        for size in [1, 2, 3, i32::try_from(count).unwrap()] {
            assert_eq!(list.all(viewer, size).await, whole, "{list:?} by {size}");
        }
    }
}

#[tokio::test]
async fn x14_a_token_is_refused_under_another_caller_filter_or_list_and_when_damaged() {
    let mesh = Mesh::start().await;
    let (people, ids, event) = stage(&mesh).await;
    people[1].block(&ids[2]).await.unwrap();
    people[1].block(&ids[3]).await.unwrap();
    let (one, moderator) = (&people[1], mesh.person("mod"));
    for (list, viewer, other_filter) in [
        (List::Search("person".into()), &moderator, List::Search("perso".into())),
        (List::Blocked, one, List::Search("person".into())),
        (List::Ratings(ids[0].clone()), &moderator, List::Ratings(ids[1].clone())),
        (List::Ratable(String::new()), one, List::Ratable(event.clone())),
    ] {
        let (_, token) = list.page(viewer, 1, "").await.unwrap();
        list.page(viewer, 3, &token).await.unwrap();
        assert_eq!(reason(other_filter.page(viewer, 1, &token).await), "INVALID_PAGE_TOKEN", "{list:?}");
        let stranger = mesh.person("stranger");
        assert_eq!(reason(list.page(&stranger, 1, &token).await), "INVALID_PAGE_TOKEN", "{list:?}");
        let mut damaged = token.clone();
        damaged.replace_range(3..4, if &token[3..4] == "A" { "B" } else { "A" });
        for token in [&damaged, "x", "not a token", "\0", &token[1..]] {
            let refusal = refused(list.page(viewer, 1, token).await);
            assert_eq!(
                (refusal.reason.as_str(), refusal.fields),
                ("INVALID_PAGE_TOKEN", vec!["page_token".to_owned()])
            );
        }
        assert_eq!(refused(list.page(viewer, -1, "").await).fields, ["page_size"], "{list:?}");
        let many = list.page(viewer, 0, "").await.unwrap();
        assert_eq!(list.page(viewer, i32::MAX, "").await.unwrap(), many, "{list:?}: clamped");
    }
}

#[tokio::test]
async fn e21_a_page_size_of_0_is_25_and_more_than_100_is_100() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(102).await;
    let list = List::Search("person".into());
    assert_eq!(list.page(&people[0], 0, "").await.unwrap().0.len(), 25);
    assert_eq!(list.page(&people[0], 1000, "").await.unwrap().0.len(), 100);
    assert_eq!(list.all(&people[0], 40).await.len(), 101);
}

#[tokio::test]
async fn u5_blocked_people_are_listed_newest_first_whatever_became_of_them() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(4).await;
    let ids = ids(&people).await;
    for id in &ids[1..] {
        people[0].block(id).await.unwrap();
        mesh.db.advance(Duration::minutes(1)).await;
    }
    super::erase(&people[2], &ids[2]).await;
    super::deactivate(&people[3]).await;
    let listed = people[0].users().list_blocked_users(ListBlockedUsersRequest::default()).await.unwrap().into_inner();
    let rows: Vec<_> = listed.users.iter().map(|user| (user.user_id.as_str(), user.first_name.as_str())).collect();
    assert_eq!(rows, [(&*ids[3], "Person"), (&*ids[2], ""), (&*ids[1], "Person")]);
}

#[tokio::test]
async fn r3_ratable_people_are_listed_by_event_the_latest_first_until_they_are_rated() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    let mut events = Vec::new();
    for hours in [30, 50, 40] {
        let draft = Event { start_time: Some(in_hours(hours)), end_time: Some(in_hours(hours + 1)), ..party(None) };
        let made = people[0].create(Event { name: format!("In {hours}"), ..draft }).await.unwrap().id;
        people[1].go(&made).await.unwrap();
        events.push(made);
    }
    people[2].go(&events[1]).await.unwrap();
    mesh.db.advance(Duration::hours(60)).await;
    people[1].rate(&ids[0], &events[2], 5).await.unwrap();
    let listed = people[1].users().list_ratable_users(ListRatableUsersRequest::default()).await.unwrap().into_inner();
    let names: Vec<_> = listed.users.iter().map(|user| (user.event_name.as_str(), user.last_name.as_str())).collect();
    assert_eq!(names[2], ("In 30", "0"));
    let mut latest = names[..2].to_vec();
    latest.sort_unstable();
    assert_eq!((names.len(), latest), (3, vec![("In 50", "0"), ("In 50", "2")]));
    assert!(List::Ratable(events[2].clone()).all(&people[1], 10).await.is_empty(), "rated already");
    // Who is not there any more is not named.
    mesh.person_as(&Person::named("person-0")).users().deactivate_me(DeactivateMeRequest {}).await.unwrap();
    assert_eq!(List::Ratable(String::new()).all(&people[1], 10).await, [format!("{} {}", events[1], ids[2])]);
}
