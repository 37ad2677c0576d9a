use crewup_issuer::Person;
use crewup_proto::user::Profile;
use crewup_tests::{
    Mesh,
    refusal::{reason, refused},
};

use super::{ids, issued, met};

const ALL: [&str; 3] = ["bio", "profile_picture_url", "interests"];

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn url(length: usize) -> String {
    let start = "https://pictures.example/";
    format!("{start}{}", "a".repeat(length - start.len()))
}

#[tokio::test]
async fn u4_every_violation_is_named_at_once() {
    let mesh = Mesh::start().await;
    let mut interests = texts(&["Jazz", " ", "jAZZ ", "a\nb"]);
    interests.push("é".repeat(51));
    let wrong = Profile {
        bio: "é".repeat(501),
        profile_picture_url: "http://pictures.example/a.png".into(),
        interests,
        ..Default::default()
    };
    let refusal = refused(mesh.person("guest").edit(wrong, &ALL).await);
    assert_eq!(refusal.reason, "INVALID_FIELDS");
    let expected = ["bio", "interests[1]", "interests[2]", "interests[3]", "interests[4]", "profile_picture_url"];
    assert_eq!(refusal.fields, expected.map(|field| format!("profile.{field}")));
}

#[tokio::test]
async fn u4_each_bound_holds_and_one_past_it_is_refused() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    let many =
        |count: usize| Profile { interests: (0..count).map(|at| format!("{at}")).collect(), ..Default::default() };
    let interest = |text: String| Profile { interests: vec![text], ..Default::default() };
    let bio = |text: String| Profile { bio: text, ..Default::default() };
    let picture = |url: String| Profile { profile_picture_url: url, ..Default::default() };
    for (field, good, wrong, named) in [
        ("bio", bio("é".repeat(500)), bio("é".repeat(501)), "bio"),
        ("bio", bio("two\nlines".into()), bio("a\0b".into()), "bio"),
        ("interests", many(10), many(11), "interests"),
        ("interests", interest("é".repeat(50)), interest("é".repeat(51)), "interests[0]"),
        ("interests", interest("a".into()), interest(String::new()), "interests[0]"),
        ("interests", interest("Ö".into()), interest("a\0b".into()), "interests[0]"),
        ("profile_picture_url", picture(url(2000)), picture(url(2001)), "profile_picture_url"),
        ("profile_picture_url", picture(url(40)), picture("javascript:alert(1)".into()), "profile_picture_url"),
        (
            "profile_picture_url",
            picture(url(40)),
            picture("https://me:secret@a.example/".into()),
            "profile_picture_url",
        ),
    ] {
        let kept = guest.edit(good.clone(), &[field]).await.unwrap();
        let kept = (kept.bio, kept.interests, kept.profile_picture_url);
        let after = guest.me().await.unwrap();
        assert_eq!((after.bio, after.interests, after.profile_picture_url), kept);
        let refusal = refused(guest.edit(wrong, &[field]).await);
        assert_eq!((refusal.reason.as_str(), refusal.fields), ("INVALID_FIELDS", vec![format!("profile.{named}")]));
    }
}

#[tokio::test]
async fn u4_interests_are_trimmed_kept_in_order_and_have_no_doubles_whatever_the_case() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    let interests = |values: &[&str]| Profile { interests: texts(values), ..Default::default() };
    let kept = guest.edit(interests(&[" Techno ", "jazz", "Ärger"]), &["interests"]).await.unwrap();
    assert_eq!(kept.interests, ["Techno", "jazz", "Ärger"]);
    for doubles in [["jazz", "jazz"], ["jazz", "JAZZ "], ["Ärger", "äRGER"]] {
        assert_eq!(refused(guest.edit(interests(&doubles), &["interests"]).await).fields, ["profile.interests[1]"]);
    }
    assert_eq!(guest.me().await.unwrap(), kept, "a refused edit changes nothing");
}

#[tokio::test]
async fn e6_only_the_fields_of_the_mask_change_and_absent_clears() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    let whole =
        Profile { bio: "Old".into(), profile_picture_url: url(40), interests: texts(&["Jazz"]), ..Default::default() };
    let before = guest.edit(whole, &ALL).await.unwrap();
    // What the mask does not name is not even looked at.
    let new = Profile { bio: "New".into(), profile_picture_url: "ftp://".into(), ..Default::default() };
    let after = guest.edit(new.clone(), &["bio", "interests"]).await.unwrap();
    assert_eq!((after.bio.as_str(), after.interests.len()), ("New", 0), "absent is not left alone: it is cleared");
    assert_eq!(after.profile_picture_url, before.profile_picture_url);
    let odd = Profile { first_name: "Else".into(), email: "x@y.z".into(), ..Default::default() };
    let after = guest.edit(odd, &["profile_picture_url"]).await.unwrap();
    assert_eq!((&after.first_name, &after.email), (&before.first_name, &before.email), "those are the account's");
    assert_eq!((after.bio.as_str(), after.profile_picture_url.as_str()), ("New", ""));
    assert_eq!(guest.me().await.unwrap(), after);
}

#[tokio::test]
async fn e6_an_empty_or_unknown_mask_is_refused() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    for mask in [&[][..], &["email"], &["first_name"], &["reputation"], &["bio", "state"], &["*"]] {
        let refusal = refused(guest.edit(Profile::default(), mask).await);
        assert_eq!((refusal.reason.as_str(), refusal.fields), ("INVALID_FIELDS", vec!["update_mask".to_owned()]));
    }
    let nothing = crewup_proto::user::UpdateMeRequest::default();
    assert_eq!(refused(guest.users().update_me(nothing).await).fields, ["profile", "update_mask"]);
}

#[tokio::test]
async fn e6_a_stale_etag_is_aborted_and_none_is_last_write_wins() {
    let mesh = Mesh::start().await;
    let guest = mesh.person("guest");
    let before = guest.me().await.unwrap();
    let bio = |bio: &str| Profile { bio: bio.into(), ..before.clone() };
    let first = guest.edit(bio("First"), &["bio"]).await.unwrap();
    assert_ne!(first.etag, before.etag);
    assert_eq!(reason(guest.edit(bio("Second"), &["bio"]).await), "STALE_ETAG");
    assert_eq!(guest.me().await.unwrap(), first);
    let blind = Profile { etag: String::new(), ..bio("Blind") };
    assert_eq!(guest.edit(blind, &["bio"]).await.unwrap().bio, "Blind");
}

#[tokio::test]
async fn e6_neither_a_rating_nor_the_account_changes_the_etag() {
    let mesh = Mesh::start().await;
    let (people, event) = met(&mesh, 2).await;
    let ids = ids(&people).await;
    let before = people[1].me().await.unwrap();
    people[0].rate(&ids[1], &event, 4).await.unwrap();
    let rated = people[1].me().await.unwrap();
    assert_eq!(rated.reputation.unwrap().count, 1);
    assert_eq!((rated.etag, rated.update_time), (before.etag.clone(), before.update_time));
    let renamed = issued(Person::named("person-1").with_given_name("Other"), -20);
    let renamed = mesh.person_as(&renamed).me().await.unwrap();
    assert_eq!((renamed.first_name.as_str(), &renamed.etag), ("Other", &before.etag));
    people[1].edit(Profile { bio: "Mine".into(), ..before }, &["bio"]).await.unwrap();
}
