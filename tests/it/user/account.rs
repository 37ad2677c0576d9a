use crewup_issuer::Person;
use crewup_tests::{Mesh, refusal::reason};

use super::{absent, enrolled, erase, issued};

/// The roles that are kept of a person.
async fn roles(mesh: &Mesh, user: &str) -> Vec<String> {
    sqlx::query_scalar("select role from user_roles where user_id = $1::uuid order by role")
        .bind(user)
        .fetch_all(&mut mesh.db.connect().await)
        .await
        .unwrap()
}

async fn profiles(mesh: &Mesh) -> i64 {
    sqlx::query_scalar("select count(*) from users").fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test]
async fn u1_the_profile_is_made_of_the_token_by_the_first_call_of_any_service() {
    let mesh = Mesh::start().await;
    let guest = Person::named("guest").with_email("Guest@CrewUp.example").with_family_name("  Demo ");
    assert_eq!(reason(mesh.person_as(&guest).get(&absent()).await), "NOT_FOUND");
    assert_eq!(profiles(&mesh).await, 1, "the event service asked for it");
    let me = mesh.person_as(&guest).me().await.unwrap();
    assert_eq!((me.first_name.as_str(), me.last_name.as_str()), ("Guest", "Demo"));
    assert_eq!(me.email, "guest@crewup.example");
    assert_eq!((me.bio.as_str(), me.interests.len()), ("", 0));
}

#[tokio::test]
async fn u2_the_newest_token_is_followed_and_an_older_one_is_not() {
    let mesh = Mesh::start().await;
    let named = |name: &str, seconds: i64| {
        let email = format!("{name}@CREWUP.example");
        mesh.person_as(&issued(Person::named("guest").with_given_name(name).with_email(email), seconds))
    };
    let (first, late) = (named("Ann", 40), named("Late", 30));
    let id = first.me().await.unwrap().id;
    let me = named("Bea", 20).me().await.unwrap();
    assert_eq!((me.first_name.as_str(), me.email.as_str()), ("Bea", "bea@crewup.example"));
    for older in [&late, &first] {
        let me = older.me().await.unwrap();
        assert_eq!((me.id.as_str(), me.first_name.as_str(), me.email.as_str()), (&*id, "Bea", "bea@crewup.example"));
    }
    // A token that is seen by another service is as good.
    assert_eq!(reason(named("Cleo", 10).get(&absent()).await), "NOT_FOUND");
    assert_eq!(first.me().await.unwrap().first_name, "Cleo");
}

#[tokio::test]
async fn u2_what_a_token_leaves_out_stays_and_what_the_person_wrote_too() {
    let mesh = Mesh::start().await;
    let guest = mesh.person_as(&issued(Person::named("guest"), 40));
    let mut wrote = guest.me().await.unwrap();
    wrote.bio = "I dance".into();
    let before = guest.edit(wrote, &["bio"]).await.unwrap();
    for (seconds, person) in [
        (30, Person::named("guest").without_name()),
        (20, Person::named("guest").without_email()),
        (10, Person::named("guest").with_email("new@crewup.example").with_email_verified(false)),
    ] {
        assert_eq!(mesh.person_as(&issued(person, seconds)).me().await.unwrap(), before);
    }
}

#[tokio::test]
async fn u2_an_e_mail_of_another_account_is_never_a_takeover() {
    let mesh = Mesh::start().await;
    let guest = mesh.person_as(&issued(Person::named("guest"), 40));
    let before = guest.me().await.unwrap();
    let twin = mesh.person_as(&Person::named("guest").with_sub("another-subject"));
    let loud = mesh.person_as(&Person::named("stranger").with_email("GUEST@CREWUP.EXAMPLE"));
    for other in [&twin, &loud] {
        assert_eq!(reason(other.me().await), "EMAIL_TAKEN");
        assert_eq!(reason(other.get(&absent()).await), "EMAIL_TAKEN", "whatever the service");
    }
    assert_eq!(profiles(&mesh).await, 1);
    assert_eq!(guest.me().await.unwrap(), before);

    let given_up = Person::named("guest").with_email("elsewhere@crewup.example");
    mesh.person_as(&given_up).me().await.unwrap();
    assert_ne!(loud.me().await.unwrap().id, before.id, "the address is free, the profile is not theirs");
}

#[tokio::test]
async fn u2_a_changed_e_mail_that_is_taken_stays_as_it_was_and_locks_nobody_out() {
    let mesh = Mesh::start().await;
    mesh.person("guest").me().await.unwrap();
    let friend = mesh.person_as(&issued(Person::named("friend"), 40));
    let before = friend.me().await.unwrap();
    let changed = Person::named("friend").with_given_name("Fred").with_email("Guest@crewup.example");
    let me = mesh.person_as(&issued(changed, 20).with_roles(["admin"])).me().await.unwrap();
    assert_eq!((&me.id, me.first_name.as_str(), &me.email), (&before.id, "Fred", &before.email));
    assert_eq!(roles(&mesh, &before.id).await, ["admin"], "the rest of the token is followed");
}

#[tokio::test]
async fn u2_a_profile_of_an_older_database_is_found_by_its_subject_and_follows_the_first_token() {
    let mesh = Mesh::start().await;
    let id: String = sqlx::query_scalar(
        "insert into users (keycloak_id, email, first_name, last_name, bio, interests)
         values ($1, 'Old@Crewup.example', 'Old', 'Name', 'Kept', array['Jazz', null]) returning id::text",
    )
    .bind(Person::named("mod").sub())
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    let me = mesh.person_as(&issued(Person::named("mod"), 60)).me().await.unwrap();
    assert_eq!((me.id.as_str(), me.first_name.as_str(), me.email.as_str()), (&*id, "Mod", "mod@crewup.example"));
    assert_eq!((me.bio.as_str(), me.interests), ("Kept", vec!["Jazz".to_owned()]));
    assert_eq!(roles(&mesh, &id).await, ["moderator"]);
    assert_eq!(mesh.person("guest").see(&id).await.unwrap().interests, ["Jazz"]);
}

#[tokio::test]
async fn m1_the_kept_role_is_that_of_the_newest_token() {
    let mesh = Mesh::start().await;
    let with = |roles: &[&str], seconds: i64| {
        mesh.person_as(&issued(Person::named("guest").with_roles(roles.iter().copied()), seconds))
    };
    let id = with(&["moderator"], 50).me().await.unwrap().id;
    assert_eq!(roles(&mesh, &id).await, ["moderator"]);
    with(&["moderator", "admin"], 30).me().await.unwrap();
    assert_eq!(roles(&mesh, &id).await, ["admin"], "the highest");
    with(&[], 40).me().await.unwrap();
    assert_eq!(roles(&mesh, &id).await, ["admin"], "an older token says nothing");
    assert_eq!(reason(with(&["moderator"], 20).get(&absent()).await), "NOT_FOUND");
    assert_eq!(roles(&mesh, &id).await, ["moderator"], "seen by another service");
    with(&[], 10).me().await.unwrap();
    assert!(roles(&mesh, &id).await.is_empty());
}

#[tokio::test]
async fn u8_the_account_of_an_erased_person_is_recognised_and_makes_no_second_profile() {
    let mesh = Mesh::start().await;
    let guest = mesh.person_as(&issued(Person::named("guest"), 40));
    let id = enrolled(&guest).await;
    erase(&guest, &id).await;
    for _ in 0..2 {
        let later = mesh.person_as(&Person::named("guest").with_given_name("Again"));
        assert_eq!(reason(later.me().await), "USER_ERASED");
        assert_eq!(reason(later.get(&absent()).await), "USER_ERASED");
    }
    let left: (String, i64) = sqlx::query_as("select first_name, count(*) over () from users")
        .fetch_one(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(left, (String::new(), 1), "nothing of the token comes back");
    let newcomer = Person::named("guest").with_sub("another-subject");
    assert_ne!(mesh.person_as(&newcomer).me().await.unwrap().id, id, "the address is free again");
}
