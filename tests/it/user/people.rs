use crewup_issuer::Person;
use crewup_proto::user::*;
use crewup_tests::{Mesh, Persona, raw, refusal::refused};
use prost::Message as _;

use super::{absent, ban, deactivate, erase, ids};

async fn found(person: &Persona, query: &str) -> Vec<User> {
    let request = SearchUsersRequest { query: query.into(), page_size: 100, ..Default::default() };
    person.users().search_users(request).await.unwrap().into_inner().users
}

async fn names(person: &Persona, query: &str) -> Vec<String> {
    let found = found(person, query).await;
    found.iter().map(|user| format!("{} {}", user.first_name, user.last_name)).collect()
}

async fn someone(mesh: &Mesh, name: &str, first: &str, last: &str) -> Persona {
    let person = mesh.person_as(&Person::named(name).with_given_name(first).with_family_name(last));
    person.id().await;
    person
}

#[tokio::test]
async fn u3_the_public_profile_is_these_fields_and_tells_no_e_mail_and_no_account() {
    let mesh = Mesh::start().await;
    let (guest, host) = (mesh.person("guest"), mesh.person("host"));
    let wrote = Profile {
        bio: "I dance".into(),
        profile_picture_url: "https://pictures.example/guest.png".into(),
        interests: vec!["Jazz".into(), "Bouldering".into()],
        ..Default::default()
    };
    let me = guest.edit(wrote, &["bio", "profile_picture_url", "interests"]).await.unwrap();
    // Every field by name: one that is added later does not get past this test unseen.
    let User { id, first_name, last_name, bio, profile_picture_url, interests, reputation, create_time } =
        host.see(&me.id).await.unwrap();
    assert_eq!((id, first_name, last_name), (me.id.clone(), me.first_name, me.last_name));
    assert_eq!((bio, profile_picture_url, interests), (me.bio, me.profile_picture_url, me.interests));
    assert_eq!((reputation, create_time), (Some(Reputation { average: None, count: 0 }), me.create_time));

    let header = format!("Bearer {}", host.token());
    let call = |call: &'static str, body: Vec<u8>| {
        let (addr, header) = (mesh.addr("user").unwrap(), header.clone());
        async move { raw::call(addr, call, &[("authorization", header.as_bytes())], body).await.unwrap().into_inner() }
    };
    let get = GetUserRequest { user_id: me.id.clone() }.encode_to_vec();
    let batch = BatchGetUsersRequest { user_ids: vec![me.id] }.encode_to_vec();
    let search = SearchUsersRequest { query: "guest".into(), ..Default::default() }.encode_to_vec();
    for answer in [
        call("/crewup.user.v1.UserService/GetUser", get).await,
        call("/crewup.user.v1.UserService/BatchGetUsers", batch).await,
        call("/crewup.user.v1.UserService/SearchUsers", search).await,
    ] {
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(text.contains("i dance"), "{text}");
        assert!(!text.contains("@crewup.example") && !text.contains(Person::named("guest").sub()), "{text}");
    }
}

#[tokio::test]
async fn u3_who_is_absent_is_not_found_and_a_batch_keeps_the_order_and_leaves_them_out() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let ids = ids(&people).await;
    assert_eq!(refused(people[0].see(&absent()).await).reason, "NOT_FOUND");
    assert_eq!(people[0].see(&ids[0]).await.unwrap().id, ids[0], "oneself");
    let batch = |user_ids: Vec<String>| {
        let mut users = people[0].users();
        async move { users.batch_get_users(BatchGetUsersRequest { user_ids }).await }
    };
    let asked = vec![ids[2].clone(), absent(), ids[0].clone(), ids[2].clone(), ids[1].clone()];
    let users = batch(asked).await.unwrap().into_inner().users;
    let answered: Vec<_> = users.into_iter().map(|user| user.id).collect();
    assert_eq!(answered, [&ids[2], &ids[0], &ids[1]].map(Clone::clone));
    assert_eq!(batch(vec![ids[1].clone(); 100]).await.unwrap().into_inner().users.len(), 1);
    assert_eq!(refused(batch(Vec::new()).await).fields, ["user_ids"]);
    assert_eq!(refused(batch(vec![ids[0].clone(); 101]).await).fields, ["user_ids"]);
    assert_eq!(refused(batch(vec![ids[0].clone(), "x".into()]).await).fields, ["user_ids[1]"]);
}

#[tokio::test]
async fn e23_a_search_ignores_case_and_accents_and_forgives_a_typo() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    someone(&mesh, "p-1", "Zoë", "Müller-Łukasz").await;
    someone(&mesh, "p-2", "Bernhard", "Strauß").await;
    for query in ["zoe", "ZOË", "Zoe\u{308}", "zo", "muller", "MÜLLER", "mulller", "Müler", "lukasz", "zoe muller"] {
        assert_eq!(names(&host, query).await, ["Zoë Müller-Łukasz"], "{query}");
    }
    for query in ["strauss", "Bernhrad", "bern", " bernhard "] {
        assert_eq!(names(&host, query).await, ["Bernhard Strauß"], "{query}");
    }
    assert!(names(&host, "Xenophon").await.is_empty());
}

#[tokio::test]
async fn e23_one_or_two_letters_are_the_beginning_of_a_first_or_a_last_name() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    someone(&mesh, "p-1", "Zoë", "Müller").await;
    someone(&mesh, "p-2", "Maja", "Özil").await;
    someone(&mesh, "p-3", "Emma", "Stamm").await;
    for (query, expected) in [
        ("z", vec!["Zoë Müller"]),
        ("zo", vec!["Zoë Müller"]),
        ("M", vec!["Maja Özil", "Zoë Müller"]),
        ("mü", vec!["Zoë Müller"]),
        ("ö", vec!["Maja Özil"]),
        ("ma", vec!["Maja Özil"]),
    ] {
        let mut found = names(&host, query).await;
        found.sort();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn e23_the_best_match_comes_first() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    someone(&mesh, "p-1", "Roxanne", "Weiss").await;
    someone(&mesh, "p-2", "Ann", "Weiss").await;
    someone(&mesh, "p-3", "Johanna", "Weiss").await;
    let found = names(&host, "ann").await;
    assert_eq!((found.len(), found[0].as_str()), (3, "Ann Weiss"), "{found:?}");
}

#[tokio::test]
async fn e23_wildcards_are_text_and_no_input_is_an_error() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    someone(&mesh, "p-1", "50%", "Real").await;
    someone(&mesh, "p-2", "500", "Real").await;
    someone(&mesh, "p-3", "Under_score", "Real").await;
    assert_eq!(names(&host, "0% real").await[0], "50% Real");
    for (query, only) in [("50%", "50% Real"), ("r_s", "Under_score Real")] {
        assert_eq!(names(&host, query).await[0], only);
    }
    for wildcard in ["%", "_", "%%", "__", "\\", "%_%", "％", "＿"] {
        assert!(names(&host, wildcard).await.is_empty(), "{wildcard}");
    }
    for odd in ["'", "\"; drop table users; --", "🎉", "(((", "a & | ! <->", "\u{301}", "\u{202e}", &"ß".repeat(100)]
    {
        found(&host, odd).await;
    }
    for refused_query in ["a\0b".to_owned(), String::new(), "  ".to_owned(), "é".repeat(101)] {
        let request = SearchUsersRequest { query: refused_query, ..Default::default() };
        assert_eq!(refused(host.users().search_users(request).await).fields, ["query"]);
    }
}

#[tokio::test]
async fn u3_a_search_hides_the_inactive_the_banned_the_erased_the_blocked_and_oneself() {
    let mesh = Mesh::start().await;
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(someone(&mesh, &format!("p-{number}"), "Quentin", &format!("Number{number}")).await);
    }
    let ids = ids(&people).await;
    assert_eq!(found(&people[0], "quentin").await.len(), 5, "not oneself");
    deactivate(&people[1]).await;
    assert_eq!(found(&people[0], "quentin").await.len(), 4);
    ban(&mesh, &ids[2]).await;
    assert_eq!(found(&people[0], "quentin").await.len(), 3);
    erase(&people[3], &ids[3]).await;
    assert_eq!(found(&people[0], "quentin").await.len(), 2);
    people[0].block(&ids[4]).await.unwrap();
    assert_eq!(names(&people[0], "quentin").await, ["Quentin Number5"]);
    assert_eq!(names(&people[4], "quentin").await, ["Quentin Number5"], "in both directions");
    let mut both = names(&people[5], "quentin").await;
    both.sort();
    assert_eq!(both, ["Quentin Number0", "Quentin Number4"], "a block is between two");
}

#[tokio::test]
async fn x15_a_malformed_id_is_an_invalid_field_of_every_call() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    for id in ["", "x", "0", "67e5504410b1426f9247bb680e5fe0c8", "{67e55044-10b1-426f-9247-bb680e5fe0c8}", "a\0b"] {
        let (user_id, event_id) = (id.to_owned(), id.to_owned());
        let mut users = guest.users();
        let rating = CreateRatingRequest {
            rated_user_id: user_id.clone(),
            event_id: event_id.clone(),
            rating: 6,
            comment: "é".repeat(1001),
            request_id: id.to_owned(),
        };
        let expected = ["comment", "event_id", "rated_user_id", "rating", "request_id"];
        assert_eq!(refused(users.create_rating(rating).await).fields, expected, "R1: all at once");
        for refusal in [
            refused(users.get_user(GetUserRequest { user_id: user_id.clone() }).await),
            refused(users.block_user(BlockUserRequest { user_id: user_id.clone() }).await),
            refused(users.unblock_user(UnblockUserRequest { user_id: user_id.clone() }).await),
            refused(users.get_reputation(GetReputationRequest { user_id: user_id.clone() }).await),
            refused(users.list_ratings(ListRatingsRequest { user_id, ..Default::default() }).await),
        ] {
            assert_eq!((refusal.reason.as_str(), refusal.fields), ("INVALID_FIELDS", vec!["user_id".to_owned()]));
        }
        let deleted = users.delete_rating(DeleteRatingRequest { rating_id: id.to_owned() }).await;
        assert_eq!(refused(deleted).fields, ["rating_id"]);
        if !id.is_empty() {
            let listed = users.list_ratable_users(ListRatableUsersRequest { event_id, ..Default::default() }).await;
            assert_eq!(refused(listed).fields, ["event_id"]);
        }
    }
}
