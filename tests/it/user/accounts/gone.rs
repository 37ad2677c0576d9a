//! Accounts that are gone (U8, U9).

use chrono::Duration;
use crewup_issuer::{Issuer, Person};
use crewup_proto::user::SyncUsersRequest;
use crewup_tests::{Mesh, refusal::reason};
use uuid::Uuid;

use super::{city, city_with, counts, moderator, of_profile, sync, try_sync, until};
use crate::user::{enrolled, erase};

/// An active alert of the person.
pub(super) async fn alert(mesh: &Mesh, user: &str) {
    sqlx::query(
        "insert into alert_batches (id, user_id, state, raised_at, created_at, updated_at, expires_at)
         values ($1, $2::uuid, 'active', crewup.now(), crewup.now(), crewup.now(), crewup.now() + interval '1 year')",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
}

/// All alerts are over.
pub(super) async fn resolve(mesh: &Mesh) {
    sqlx::query(
        "update alert_batches
         set state = 'resolved', closed_at = crewup.now(), resolved_by = user_id, resolved_as = 'sender'",
    )
    .execute(&mut mesh.db.connect().await)
    .await
    .unwrap();
}

/// People with a profile and an account each.
async fn with_accounts(mesh: &Mesh, issuer: &Issuer, count: usize) -> Vec<Person> {
    enrolled(&moderator(mesh)).await;
    let people: Vec<_> = (0..count).map(|number| Person::named(format!("person-{number}"))).collect();
    for person in &people {
        issuer.accounts().put(person.clone());
    }
    assert_eq!(sync(mesh).await.created_count, i32::try_from(count).unwrap());
    people
}

async fn marked(mesh: &Mesh) -> i64 {
    let marked = "select count(*) from users where account_gone_at is not null or erased_at is not null";
    sqlx::query_scalar(marked).fetch_one(&mut mesh.db.connect().await).await.unwrap()
}

#[tokio::test]
async fn u8_a_gone_account_is_noted_and_its_profile_is_erased_after_the_time_of_grace() {
    let (mesh, issuer) = city_with(&["--gone-days", "7"]).await;
    let people = with_accounts(&mesh, issuer, 3).await;
    let (gone, back, alerted) = (&people[0], &people[1], &people[2]);
    for person in &people {
        issuer.accounts().remove(person.sub());
    }
    let dry = try_sync(&mesh, SyncUsersRequest { dry_run: true, ..Default::default() }).await.unwrap();
    assert_eq!((counts(&dry), marked(&mesh).await), ((1, 0, 0, 0, 3), 0));
    assert_eq!(counts(&sync(&mesh).await), (1, 0, 0, 0, 3));
    assert_eq!(marked(&mesh).await, 3);
    let id = of_profile(&mesh, gone, "id").await.unwrap();
    alert(&mesh, &of_profile(&mesh, alerted, "id").await.unwrap()).await;
    mesh.db.advance(Duration::days(6)).await;
    issuer.accounts().put(back.clone());
    assert_eq!(counts(&sync(&mesh).await), (2, 0, 0, 0, 2));
    assert_eq!(of_profile(&mesh, back, "account_gone_at").await, None, "who is back is untouched");
    assert_eq!(of_profile(&mesh, gone, "first_name").await.as_deref(), Some("Person"), "not yet");
    mesh.db.advance(Duration::days(1)).await;
    sync(&mesh).await;
    assert_eq!(reason(mesh.person_as(gone).me().await), "USER_ERASED");
    assert_eq!(crate::event::told(&mesh, "user.standing", &id).await, 1, "seats, crews and events follow");
    assert!(of_profile(&mesh, alerted, "id").await.is_some(), "not with an active alert (U9)");
    assert_eq!(of_profile(&mesh, back, "first_name").await.as_deref(), Some("Person"));
    resolve(&mesh).await;
    sync(&mesh).await;
    assert!(of_profile(&mesh, alerted, "id").await.is_none());
}

#[tokio::test]
async fn u8_a_provider_that_lost_its_accounts_takes_no_profile_with_it() {
    let (mesh, issuer) = city().await;
    let people = with_accounts(&mesh, issuer, 30).await;
    // A list that is empty, or short: each account is asked for, and is there.
    issuer.accounts().set_shows_nobody(true);
    assert_eq!(counts(&sync(&mesh).await), (0, 0, 0, 0, 0));
    assert_eq!(marked(&mesh).await, 0);
    issuer.accounts().set_shows_nobody(false);
    // They are really gone, which cannot be.
    for person in &people[..21] {
        issuer.accounts().remove(person.sub());
    }
    let refused = try_sync(&mesh, SyncUsersRequest::default()).await.unwrap_err();
    assert_eq!((refused.reason.as_str(), marked(&mesh).await), ("TOO_MANY_GONE", 0));
    // One fewer is a few, and the rest comes later.
    issuer.accounts().put(people[0].clone());
    assert_eq!(counts(&sync(&mesh).await), (11, 0, 0, 0, 20));
    assert_eq!(marked(&mesh).await, 20);
    issuer.accounts().remove(people[0].sub());
    assert_eq!(counts(&sync(&mesh).await), (10, 0, 0, 0, 21));
}

#[tokio::test]
async fn u8_a_404_that_is_not_of_the_account_is_no_sign_that_it_is_gone() {
    let (mesh, issuer) = city().await;
    with_accounts(&mesh, issuer, 2).await;
    issuer.accounts().set_shows_nobody(true);
    issuer.accounts().set_elsewhere(true);
    let refused = try_sync(&mesh, SyncUsersRequest::default()).await.unwrap_err();
    assert_eq!((refused.reason.as_str(), marked(&mesh).await), ("DEPENDENCY_UNAVAILABLE", 0));
    // Neither is an account deleted by it.
    let person = mesh.person("person-0");
    erase(&person, &person.id().await).await;
    let tried = "select count(*) from account_orders where attempts > 0";
    until("it was tried", || async {
        sqlx::query_scalar::<_, i64>(tried).fetch_one(&mut mesh.db.connect().await).await.unwrap() == 1
    })
    .await;
    issuer.accounts().set_elsewhere(false);
    until("deleted", || async { issuer.accounts().get(Person::named("person-0").sub()).is_none() }).await;
}

#[tokio::test]
async fn u8_a_wrong_address_of_the_admin_api_is_an_error() {
    let issuer = city().await.1;
    for path in ["admin/realms/other", "auth/admin/realms/crewup"] {
        let url = format!("http://{}/{path}", issuer.addr());
        let (mesh, _) = city_with(&["--admin-url", &url]).await;
        let refused = try_sync(&mesh, SyncUsersRequest::default()).await.unwrap_err();
        assert_eq!(refused.reason, "DEPENDENCY_UNAVAILABLE", "{path}");
    }
}
