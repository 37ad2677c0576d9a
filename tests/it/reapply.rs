//! After a restore to an earlier moment, bans and erasures since are made again from the log of standings (ADR 22).

use crewup_proto::{moderation::BanUserRequest, user::EraseMeRequest};
use crewup_shared::migrate::{Reapplied, reapply, standings};
use crewup_tests::{
    Mesh, cluster,
    mesh::issuer,
    persona::{ban_of, in_hours},
    refusal::reason,
};

use crate::process::Process;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m2_u8_x10_who_was_banned_or_erased_after_the_moment_of_a_restore_is_so_again_by_a_log_that_names_nobody() {
    // The moment: one is banned, one is not, and nobody is erased.
    let mesh = Mesh::start().await;
    let moderator = mesh.person("mod");
    let names = ["gone", "banned", "until", "freed", "same"];
    let mut ids = Vec::new();
    for name in names {
        ids.push(mesh.person(name).id().await);
    }
    for at in [3, 4] {
        moderator.ban(&ids[at]).await.unwrap();
    }
    mesh.settled().await;
    let db = mesh.stop().await;
    let earlier = cluster::copy_of(&db).await;

    // What happens after it, and is lost. The filter of the log asks for nothing.
    let mut mesh = Mesh::with(db, issuer().await, &[]).await;
    let mut user = Process::start(&mesh, "user", &[("RUST_LOG", "off")]);
    user.ready().await;
    mesh.stop_one("user").await;
    let moderator = mesh.person("mod");
    let erase = EraseMeRequest { user_id: ids[0].clone() };
    mesh.person("gone").users_at(user.addr).erase_me(erase).await.unwrap();
    moderator.ban(&ids[1]).await.unwrap();
    let end = in_hours(48);
    moderator.ban_as(BanUserRequest { expire_time: Some(end), ..ban_of(&ids[2]) }).await.unwrap();
    moderator.unban(&ids[3]).await.unwrap();
    // Who comes later is not in the earlier database.
    let late = mesh.person("late");
    let late = late.users_at(user.addr).get_me(crewup_proto::user::GetMeRequest {}).await.unwrap().into_inner();
    moderator.ban(&late.profile.unwrap().id).await.unwrap();
    mesh.settled().await;
    assert!(user.terminate().await.success());
    let log = user.logged();
    for id in &ids {
        assert!(!log.contains(id.as_str()), "X10: the log names {id}");
    }
    drop(mesh);

    let mut conn = earlier.connect().await;
    let said = standings(log.as_bytes()).unwrap();
    let done = reapply(&mut conn, &said).await.unwrap();
    assert_eq!(done, Reapplied { erased: 1, banned: 2, lifted: 1, unknown: 1 }, "{log}");
    let again = reapply(&mut conn, &said).await.unwrap();
    assert_eq!(again, Reapplied { unknown: 1, ..Default::default() }, "a second time changes nothing");
    let broken = standings(&log.as_bytes()[..log.trim_end().len() - 5]).unwrap_err();
    assert_eq!(broken.exit_code(), 64, "half of a line is no line: {broken}");

    let mesh = Mesh::with(earlier, issuer().await, &[]).await;
    mesh.settled().await;
    assert_eq!(reason(mesh.person("gone").me().await), "USER_ERASED");
    for name in ["banned", "until", "same"] {
        assert_eq!(reason(mesh.person(name).edit(Default::default(), &["bio"]).await), "USER_BANNED", "{name}");
    }
    mesh.person("freed").edit(Default::default(), &["bio"]).await.unwrap();
    let until = mesh.person("until").my_ban().await.unwrap();
    assert_eq!(until.expire_time.unwrap().seconds, end.seconds);
    assert!(until.reason.contains("restored"), "{until:?}");
}
