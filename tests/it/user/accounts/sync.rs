//! SyncUsers: new, changed, disabled and enabled accounts (U1, U2, U6, M1).

use crewup_issuer::Person;
use crewup_proto::user::{ReactivateMeRequest, SyncUsersRequest, UserState};
use crewup_tests::{
    Mesh,
    refusal::{Refusal, reason},
};

use super::{city, counts, moderator, of_profile, sync, try_sync, until};
use crate::user::{enrolled, issued};

async fn people(mesh: &Mesh) -> i64 {
    sqlx::query_scalar("select count(*) from users").fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test]
async fn u1_new_accounts_get_a_profile_as_by_a_first_call_and_incomplete_ones_are_only_read() {
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    let accounts = issuer.accounts();
    accounts.put(Person::named("ann"));
    accounts.put(Person::named("unverified").with_email_verified(false));
    accounts.put(Person::named("nameless").without_name());
    accounts.put(Person::named("silent").without_email());
    let shut = Person::named("shut");
    accounts.put(shut.clone());
    accounts.change(shut.sub(), |account| account.enabled = false);
    let dry = try_sync(&mesh, SyncUsersRequest { dry_run: true, ..Default::default() }).await.unwrap();
    assert_eq!((counts(&dry), people(&mesh).await), ((6, 1, 0, 0, 0), 1), "a dry run makes nothing");
    assert_eq!((counts(&sync(&mesh).await), people(&mesh).await), ((6, 1, 0, 0, 0), 2));
    assert_eq!(counts(&sync(&mesh).await), (6, 0, 0, 0, 0), "a second run finds nothing to do");
    let ann = mesh.person("ann").me().await.unwrap();
    assert_eq!(
        (ann.email.as_str(), ann.first_name.as_str(), ann.last_name.as_str()),
        ("ann@crewup.example", "Ann", "Demo")
    );
    assert_eq!(people(&mesh).await, 2, "the first call found it");
}

#[tokio::test]
async fn u2_m1_a_changed_name_e_mail_and_role_are_followed_and_an_e_mail_that_is_taken_is_not() {
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    let (ann, bob) = (Person::named("ann"), Person::named("bob"));
    for person in [&ann, &bob] {
        // Long ago: a run is newer than the token that each followed.
        enrolled(&mesh.person_as(&issued(person.clone(), 60))).await;
    }
    let changed = ann.clone().with_given_name("Anna").with_email("Anna@crewup.example").with_roles(["moderator"]);
    issuer.accounts().put(changed.clone());
    issuer.accounts().put(bob.clone().with_family_name("Late").with_email("anna@crewup.example"));
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 2, 0, 0));
    let email =
        async |person: &Person| of_profile(&mesh, person, "email || ' ' || first_name || ' ' || last_name").await;
    assert_eq!(email(&ann).await.unwrap(), "anna@crewup.example Anna Demo");
    assert_eq!(email(&bob).await.unwrap(), "bob@crewup.example Bob Late", "EMAIL_TAKEN: the rest is followed");
    let role = "select string_agg(role, ' ') from user_roles r where r.user_id = u.id";
    assert_eq!(of_profile(&mesh, &ann, role).await.as_deref(), Some("moderator"));
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 0, 0, 0));
    // Given and taken; and a new account with an e-mail that somebody holds.
    issuer.accounts().put(changed.with_roles(Vec::<String>::new()));
    issuer.accounts().put(Person::named("thief").with_email("anna@crewup.example"));
    sqlx::query("update users set claims_iat = claims_iat - interval '1 minute'")
        .execute(&mut mesh.db.connect().await)
        .await
        .unwrap();
    assert_eq!(counts(&sync(&mesh).await), (4, 0, 1, 0, 0));
    assert_eq!(of_profile(&mesh, &ann, role).await, None);
    assert_eq!(of_profile(&mesh, &Person::named("thief"), "id").await, None);
    // What a newer token said stays.
    for person in [&bob, &Person::named("thief")] {
        issuer.accounts().remove(person.sub());
    }
    issuer.accounts().put(ann.clone().with_given_name("Old"));
    enrolled(&mesh.person_as(&issued(ann.clone().with_given_name("New"), -5))).await;
    assert_eq!(counts(&sync(&mesh).await), (2, 0, 0, 0, 1));
    assert_eq!(of_profile(&mesh, &ann, "first_name").await.as_deref(), Some("New"));
}

#[tokio::test]
async fn u6_a_disabled_account_puts_its_profile_aside_until_it_is_enabled() {
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    let (ann, bob) = (Person::named("ann"), Person::named("bob"));
    for person in [&ann, &bob] {
        enrolled(&mesh.person_as(person)).await;
        issuer.accounts().put(person.clone());
    }
    crate::user::deactivate(&mesh.person_as(&bob)).await;
    let enable = |enabled| [&ann, &bob].map(|p| issuer.accounts().change(p.sub(), |account| account.enabled = enabled));
    enable(false);
    let dry = try_sync(&mesh, SyncUsersRequest { dry_run: true, ..Default::default() }).await.unwrap();
    assert_eq!(counts(&dry), (3, 0, 0, 1, 0));
    assert_eq!(mesh.person_as(&ann).me().await.unwrap().state(), UserState::Active);
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 0, 1, 0));
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 0, 0, 0));
    let ann_id = of_profile(&mesh, &ann, "id").await.unwrap();
    assert_eq!(crate::event::told(&mesh, "user.standing", &ann_id).await, 1, "seats are freed as by the person");
    assert_eq!(mesh.person_as(&ann).me().await.unwrap().state(), UserState::Deactivated);
    // With a token that is still good the person may come back; the next run looks again.
    mesh.person_as(&ann).users().reactivate_me(ReactivateMeRequest {}).await.unwrap();
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 0, 1, 0));
    enable(true);
    assert_eq!(counts(&sync(&mesh).await), (3, 0, 0, 0, 0));
    assert_eq!(mesh.person_as(&ann).me().await.unwrap().state(), UserState::Active);
    assert_eq!(mesh.person_as(&bob).me().await.unwrap().state(), UserState::Deactivated, "by the person");
}

#[tokio::test]
async fn u9_with_an_active_alert_nobody_is_put_aside() {
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    let ann = Person::named("ann");
    issuer.accounts().put(ann.clone());
    let id = enrolled(&mesh.person_as(&ann)).await;
    super::gone::alert(&mesh, &id).await;
    issuer.accounts().change(ann.sub(), |account| account.enabled = false);
    assert_eq!(counts(&sync(&mesh).await), (2, 0, 0, 0, 0));
    super::gone::resolve(&mesh).await;
    assert_eq!(counts(&sync(&mesh).await), (2, 0, 0, 1, 0));
}

#[tokio::test]
async fn a_run_goes_on_where_another_stopped_and_refuses_a_foreign_token() {
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    for number in 0..230 {
        issuer.accounts().put(Person::named(format!("person-{number}")));
    }
    let mut stream = moderator(&mesh).users().sync_users(SyncUsersRequest::default()).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().read_count, 0);
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.read_count, 100);
    drop(stream);
    let token = first.resume_token;
    let resumed = SyncUsersRequest { resume_token: token.clone(), dry_run: false };
    assert_eq!(counts(&try_sync(&mesh, resumed).await.unwrap()), (231, 230, 0, 0, 0));
    assert_eq!(people(&mesh).await, 231);
    for (resume_token, dry_run) in [(token, true), ("nonsense".into(), false)] {
        let refused = try_sync(&mesh, SyncUsersRequest { resume_token, dry_run }).await.unwrap_err();
        assert_eq!((refused.reason.as_str(), refused.fields), ("INVALID_FIELDS", vec!["resume_token".to_owned()]));
    }
}

#[tokio::test]
async fn m1_m3_u6_only_a_moderator_who_is_active_synchronises() {
    let (mesh, issuer) = city().await;
    let boss = mesh.person("admin");
    issuer.accounts().put(Person::named("admin"));
    for (name, expected) in
        [("guest", "ROLE_REQUIRED"), ("away", "USER_DEACTIVATED"), ("banned", "USER_BANNED"), ("erased", "USER_ERASED")]
    {
        let roles = if name == "guest" { Vec::new() } else { vec!["moderator"] };
        let person = mesh.person_as(&Person::named(name).with_roles(roles));
        let id = enrolled(&person).await;
        match name {
            "away" => crate::user::deactivate(&person).await,
            "banned" => drop(boss.ban(&id).await.unwrap()),
            "erased" => crate::user::erase(&person, &id).await,
            _ => {}
        }
        // A stream is opened as a read is: by a standing that may be a second old (X6).
        let call = || async { person.users().sync_users(SyncUsersRequest::default()).await };
        until(expected, || async { call().await.is_err_and(|status| Refusal::of(&status).reason == expected) }).await;
    }
    let service = mesh.with_token(issuer.service_token("event"));
    assert_eq!(reason(service.users().sync_users(SyncUsersRequest::default()).await), "PERSON_ONLY");
    boss.users().sync_users(SyncUsersRequest::default()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_set_up_or_does_not_answer_is_said() {
    let off = Mesh::start().await;
    let sync = off.person("mod").users().sync_users(SyncUsersRequest::default()).await;
    assert_eq!(reason(sync), "SYNC_NOT_SET_UP");
    let (mesh, issuer) = city().await;
    enrolled(&moderator(&mesh)).await;
    issuer.accounts().set_away(true);
    let refused = try_sync(&mesh, SyncUsersRequest::default()).await.unwrap_err();
    assert_eq!(refused.reason, "DEPENDENCY_UNAVAILABLE");
    issuer.accounts().set_away(false);
    super::sync(&mesh).await;
}
