//! Real concurrency on real PostgreSQL. Each of these was seen to fail with its protection taken out.

use std::sync::Arc;

use crewup_issuer::Person;
use crewup_proto::user::{CreateRatingRequest, DeleteRatingRequest, Profile, Reputation};
use crewup_tests::{
    Mesh,
    persona::{at_once, request_id},
    refusal::{reason, refused},
};
use tonic::Status;

use super::{absent, ids, issued, met};

const WRITERS: usize = 32;

/// How many succeeded; the reasons of the others must all be `expected`.
fn successes<T: std::fmt::Debug>(answers: Vec<Result<T, Status>>, expected: &str) -> usize {
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let others: Vec<_> = bad.into_iter().map(refused).filter(|refusal| refusal.reason != expected).collect();
    assert!(others.is_empty(), "{others:?}");
    good.len()
}

/// What the rows say of a person's reputation, beside what is kept.
async fn reputations(mesh: &Mesh, user: &str) -> (Reputation, Reputation) {
    let (kept, kept_count, real, real_count): (f64, i32, Option<f64>, i64) = sqlx::query_as(
        "select u.reputation::float8, u.rating_count, round(avg(r.rating), 2)::float8, count(r.id)
         from users u left join ratings r on r.rated_user_id = u.id
         where u.id = $1::uuid group by u.id",
    )
    .bind(user)
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    let kept = Reputation { average: (kept_count > 0).then_some(kept), count: kept_count };
    (kept, Reputation { average: real, count: i32::try_from(real_count).unwrap() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u1_32_first_calls_at_two_services_make_one_profile() {
    let mesh = Mesh::racing().await;
    for round in 0..4 {
        let name = format!("newcomer-{round}");
        // Each with a token of its own: a token is looked at once.
        let same = Arc::new((0..WRITERS).map(|_| mesh.person(&name)).collect::<Vec<_>>());
        let mut ids = at_once(&same, |at, people| async move {
            if at % 2 == 0 {
                assert_eq!(reason(people[at].get(&absent()).await), "NOT_FOUND");
            }
            people[at].me().await.unwrap().id
        })
        .await;
        ids.dedup();
        assert_eq!(ids.len(), 1);
        let rows: i64 = sqlx::query_scalar("select count(*) from users where keycloak_id = $1")
            .bind(Person::named(name).sub())
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
        assert_eq!(rows, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u2_m1_the_newest_of_32_tokens_at_once_wins() {
    let mesh = Mesh::racing().await;
    for round in 0..4 {
        let person = Person::named(format!("guest-{round}"));
        mesh.person_as(&issued(person.clone(), 100)).me().await.unwrap();
        let tokens = (0..WRITERS).map(|at| {
            // All but the newest are a moderator's.
            let roles = if at == WRITERS - 1 { &[][..] } else { &["moderator"] };
            let person = person.clone().with_given_name(format!("Name {at}")).with_roles(roles.iter().copied());
            mesh.person_as(&issued(person, 50 - at as i64))
        });
        let same = Arc::new(tokens.collect::<Vec<_>>());
        at_once(&same, |at, people| async move { people[at].me().await.unwrap() }).await;
        let me = same[0].me().await.unwrap();
        assert_eq!(me.first_name, format!("Name {}", WRITERS - 1));
        let roles: i64 = sqlx::query_scalar("select count(*) from user_roles where user_id = $1::uuid")
            .bind(&me.id)
            .fetch_one(&mut mesh.db.connect().await)
            .await
            .unwrap();
        assert_eq!(roles, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u2_32_accounts_with_one_e_mail_make_one_profile() {
    let mesh = Mesh::racing().await;
    for round in 0..4 {
        let email = format!("same-{round}@crewup.example");
        let accounts =
            (0..WRITERS).map(|at| mesh.person_as(&Person::named(format!("account-{round}-{at}")).with_email(&email)));
        let accounts = Arc::new(accounts.collect::<Vec<_>>());
        let answers = at_once(&accounts, |at, people| async move { people[at].me().await }).await;
        assert_eq!(successes(answers, "EMAIL_TAKEN"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u2_32_people_who_change_to_one_e_mail_leave_it_to_one() {
    let mesh = Mesh::racing().await;
    let people = (0..WRITERS).map(|at| Person::named(format!("person-{at}"))).collect::<Vec<_>>();
    for person in &people {
        mesh.person_as(&issued(person.clone(), 60)).me().await.unwrap();
    }
    for round in 0..3 {
        let email = format!("same-{round}@crewup.example");
        let changed =
            people.iter().map(|person| mesh.person_as(&issued(person.clone().with_email(&email), 50 - 10 * round)));
        let changed = Arc::new(changed.collect::<Vec<_>>());
        let answers = at_once(&changed, |at, people| async move { people[at].me().await }).await;
        let holders = answers.into_iter().filter(|me| me.as_ref().unwrap().email == email).count();
        assert_eq!(holders, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u2_of_two_who_swap_their_e_mails_at_once_neither_gets_the_others() {
    let mesh = Mesh::racing().await;
    let people = (0..WRITERS).map(|at| Person::named(format!("person-{at}"))).collect::<Vec<_>>();
    let mut before = Vec::new();
    for person in &people {
        before.push(mesh.person_as(&issued(person.clone(), 60)).me().await.unwrap());
    }
    let changed = people.iter().enumerate().map(|(at, person)| {
        let other = people[at ^ 1].email().unwrap();
        mesh.person_as(&issued(person.clone().with_email(other), 30))
    });
    let changed = Arc::new(changed.collect::<Vec<_>>());
    // Two who wait for each other are broken off by PostgreSQL and run again (X6).
    let answers = at_once(&changed, |at, people| async move { people[at].me().await }).await;
    for (answer, before) in answers.into_iter().zip(&before) {
        assert_eq!(answer.unwrap().email, before.email);
    }
    for (person, before) in people.iter().zip(&before) {
        assert_eq!(&mesh.person_as(&issued(person.clone(), 60)).me().await.unwrap(), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e6_of_32_edits_with_one_etag_one_is_made() {
    let mesh = Mesh::racing().await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("guest")).collect::<Vec<_>>());
    for round in 0..4 {
        let etag = same[0].me().await.unwrap().etag;
        let answers = at_once(&same, |at, people| {
            let profile = Profile { bio: format!("{round} {at}"), etag: etag.clone(), ..Default::default() };
            async move { people[at].edit(profile, &["bio"]).await }
        })
        .await;
        let won: Vec<_> = answers.iter().flatten().cloned().collect();
        assert_eq!(successes(answers, "STALE_ETAG"), 1);
        assert_eq!(same[0].me().await.unwrap(), won[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u5_of_two_who_block_each_other_at_once_the_second_finds_nobody() {
    let mesh = Mesh::racing().await;
    let people = Arc::new(mesh.crowd(WRITERS).await);
    let ids = ids(&people).await;
    let answers = at_once(&people, |at, people| {
        let other = ids[at ^ 1].clone();
        async move { people[at].block(&other).await }
    })
    .await;
    assert_eq!(successes(answers, "NOT_FOUND"), WRITERS / 2);
    let blocks: i64 =
        sqlx::query_scalar("select count(*) from user_blocks").fetch_one(&mut mesh.db.connect().await).await.unwrap();
    assert_eq!(blocks, WRITERS as i64 / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn u6_no_write_that_starts_after_a_deactivation_answered_is_made() {
    let mesh = Mesh::start_with(&["--relay", "off"]).await;
    let people = Arc::new(mesh.crowd(WRITERS).await);
    let ids = Arc::new(ids(&people).await);
    at_once(&people, |at, people| {
        let ids = Arc::clone(&ids);
        async move {
            let (person, other) = (&people[at], &ids[(at + 1) % WRITERS]);
            let bio = |bio: String| Profile { bio, ..Default::default() };
            let racing = async {
                for step in 0..8 {
                    let _ = person.edit(bio(format!("racing {step}")), &["bio"]).await;
                }
            };
            let away = async {
                super::deactivate(person).await;
                let left = person.edit(bio("late".into()), &["bio"]).await;
                assert_eq!(reason(left), "USER_DEACTIVATED");
                assert_eq!(reason(person.block(other).await), "USER_DEACTIVATED");
            };
            tokio::join!(racing, away);
        }
    })
    .await;
    let changed: i64 = sqlx::query_scalar(
        "select (select count(*) from user_blocks) + (select count(*) from users where bio = 'late' or is_active)",
    )
    .fetch_one(&mut mesh.db.connect().await)
    .await
    .unwrap();
    assert_eq!(changed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r4_of_32_ratings_of_one_person_by_another_one_is_made() {
    let mesh = Mesh::racing().await;
    let (people, event) = met(&mesh, 5).await;
    let ids = ids(&people).await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-0")).collect::<Vec<_>>());
    for rated in &ids[1..] {
        let answers = at_once(&same, |at, people| {
            let (rated, event) = (rated.clone(), event.clone());
            async move { people[at].rate(&rated, &event, 1 + at as i32 % 5).await }
        })
        .await;
        assert_eq!(successes(answers, "RATING_EXISTS"), 1);
        let (kept, real) = reputations(&mesh, rated).await;
        assert_eq!((kept, real.count), (real, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x1_32_twins_of_a_rating_are_one_rating() {
    let mesh = Mesh::racing().await;
    let (people, event) = met(&mesh, 5).await;
    let ids = ids(&people).await;
    let same = Arc::new((0..WRITERS).map(|_| mesh.person("person-0")).collect::<Vec<_>>());
    for rated in &ids[1..] {
        let request = CreateRatingRequest {
            rated_user_id: rated.clone(),
            event_id: event.clone(),
            rating: 4,
            comment: "Danced".into(),
            request_id: request_id(),
        };
        let mut made = at_once(&same, |at, people| {
            let request = request.clone();
            async move { people[at].users().create_rating(request).await.unwrap().into_inner().rating.unwrap() }
        })
        .await;
        made.dedup();
        assert_eq!(made.len(), 1);
        assert_eq!(reputations(&mesh, rated).await.1.count, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r3_of_32_who_take_one_rating_back_one_does() {
    let mesh = Mesh::racing().await;
    let (people, event) = met(&mesh, 2).await;
    let rated = people[1].id().await;
    // The author's calls and the moderator's wait for two locks of enter, and for one row.
    let both = Arc::new((0..WRITERS).map(|at| mesh.person(["person-0", "mod"][at % 2])).collect::<Vec<_>>());
    for _ in 0..4 {
        let made = people[0].rate(&rated, &event, 2).await.unwrap().id;
        let answers = at_once(&both, |at, people| {
            let request = DeleteRatingRequest { rating_id: made.clone() };
            async move { people[at].users().delete_rating(request).await }
        })
        .await;
        assert_eq!(successes(answers, "NOT_FOUND"), 1);
        let (kept, real) = reputations(&mesh, &rated).await;
        assert_eq!((kept, real.count), (real, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_reputation_is_what_the_rows_say_after_32_people_rate_and_take_back_at_once() {
    let mesh = Mesh::racing().await;
    let (mut people, event) = met(&mesh, WRITERS + 1).await;
    let rated = people.remove(0).id().await;
    let raters = Arc::new(people);
    let made = at_once(&raters, |at, people| {
        let (rated, event) = (rated.clone(), event.clone());
        async move { people[at].rate(&rated, &event, 1 + at as i32 % 5).await.unwrap().id }
    })
    .await;
    let (kept, real) = reputations(&mesh, &rated).await;
    assert_eq!((kept, real.count), (real, WRITERS as i32));
    assert_eq!(raters[0].see(&rated).await.unwrap().reputation, Some(real));

    // Half of them take theirs back while the others do nothing; then those do, and the first rate again.
    let made = Arc::new(made);
    for half in 0..2 {
        at_once(&raters, |at, people| {
            let (rated, event, made) = (rated.clone(), event.clone(), Arc::clone(&made));
            async move {
                if at % 2 == half {
                    let request = DeleteRatingRequest { rating_id: made[at].clone() };
                    people[at].users().delete_rating(request).await.unwrap();
                } else if half == 1 {
                    people[at].rate(&rated, &event, 5).await.unwrap();
                }
            }
        })
        .await;
        let (kept, real) = reputations(&mesh, &rated).await;
        assert_eq!((kept, real.count), (real, WRITERS as i32 / 2));
    }
    assert_eq!(raters[0].see(&rated).await.unwrap().reputation, Some(Reputation { average: Some(5.0), count: 16 }));
}
