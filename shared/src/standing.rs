//! A person's standing - active, deactivated, banned, erased - and what it leaves (M3, U6).
//!
//! Writes get it from `crewup.enter`, inside their transaction. Reads may be a second behind (X6): each process keeps who is
//! restricted, and asks several times a second who was added, so that a read needs no round trip for it (ADR 17).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use crewup_proto::call::{Call, Standing};
use sqlx::PgConnection;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    clock,
    db::Db,
    error::{Error, ErrorReason, Result},
    id::UserId,
    live::Live,
};

/// How old what is known of a standing may be. BanUser and EraseMe answer a little later than this after their commit.
const FRESH: Duration = Duration::from_secs(1);
/// How often a process asks who was restricted meanwhile.
const EVERY: Duration = Duration::from_millis(300);

/// Returns when no process takes a standing for true that was read before the call: after every cache's time, and some for
/// reads that were under way (M3, U8, X6).
pub async fn known_everywhere() {
    tokio::time::sleep(FRESH + Duration::from_millis(200)).await;
}

/// The standing that the database's functions name.
pub fn parse(name: &str) -> Result<Standing> {
    match name {
        "active" => Ok(Standing::Active),
        "deactivated" => Ok(Standing::Deactivated),
        "banned" => Ok(Standing::Banned),
        "erased" => Ok(Standing::Erased),
        _ => Err(Error::internal(format!("unknown standing {name}"))),
    }
}

/// Lets a caller of this standing make the call, or says why not.
pub fn admit(standing: Standing, call: &Call) -> Result<()> {
    if standing == Standing::Active || call.also_while.contains(&standing) {
        return Ok(());
    }
    Err(refusal(standing).into())
}

/// What a caller of this standing is told who may not make a call.
pub fn refusal(standing: Standing) -> ErrorReason {
    match standing {
        Standing::Banned => ErrorReason::UserBanned,
        Standing::Deactivated => ErrorReason::UserDeactivated,
        Standing::Erased => ErrorReason::UserErased,
        Standing::Active | Standing::Unspecified => ErrorReason::Internal,
    }
}

/// The person's standing, as it is.
pub async fn look_up(db: &mut PgConnection, user: UserId) -> Result<Standing> {
    let state = sqlx::query_scalar!("select crewup.user_state($1)", user.0).fetch_one(db).await?;
    named(state.as_deref())
}

/// Of whom the database knows nothing, nothing is left.
fn named(state: Option<&str>) -> Result<Standing> {
    state.map_or(Ok(Standing::Erased), parse)
}

/// What a process knows of standings.
#[derive(Clone)]
pub struct Standings {
    restricted: Arc<RwLock<Restricted>>,
    /// Who was looked up and is free, of those who may be restricted, and of everybody while that is not known. Who is not free
    /// is looked up by each call, so that nobody who was let back is refused for what was remembered.
    free: moka::sync::Cache<UserId, ()>,
}

/// Who may be restricted. Nobody is taken out: whoever is not restricted any more is looked up, which is right as well. Some
/// 30 bytes for each; a restart forgets those who are free again.
#[derive(Default)]
struct Restricted {
    people: HashSet<UserId>,
    /// Everybody whom a transaction before this one restricted is there.
    next: i64,
    /// The database server that numbers the transactions, by when it started.
    server: Option<DateTime<Utc>>,
    /// When the question was asked whose answer this is.
    as_of: Option<Instant>,
}

impl Standings {
    /// Nothing known yet.
    pub fn new() -> Self {
        let free = moka::sync::Cache::builder().time_to_live(FRESH).max_capacity(100_000).build();
        Self { restricted: Arc::default(), free }
    }

    /// The person's standing, as it is, or `Active` if it was within the last second.
    pub async fn get(&self, db: &mut PgConnection, user: UserId) -> Result<Standing> {
        if self.is_free(user) {
            return Ok(Standing::Active);
        }
        let standing = look_up(db, user).await?;
        self.remember(user, standing);
        Ok(standing)
    }

    /// The standing of each, in their order, by one query for all of whom it is not known.
    pub(crate) async fn get_each(&self, db: &mut PgConnection, users: &[UserId]) -> Result<Vec<Standing>> {
        let unknown: Vec<Uuid> = users.iter().filter(|user| !self.is_free(**user)).map(|user| user.0).collect();
        let mut looked_up = HashMap::with_capacity(unknown.len());
        if !unknown.is_empty() {
            for found in sqlx::query!(
                r#"select person as "person!: UserId", crewup.user_state(person) as state from unnest($1::uuid[]) as person"#,
                &unknown,
            )
            .fetch_all(db)
            .await?
            {
                let standing = named(found.state.as_deref())?;
                self.remember(found.person, standing);
                looked_up.insert(found.person, standing);
            }
        }
        Ok(users.iter().map(|user| looked_up.get(user).copied().unwrap_or(Standing::Active)).collect())
    }

    /// Whether it is known that nothing restricts the person, or was within the last second.
    fn is_free(&self, user: UserId) -> bool {
        self.restricted.read().is_ok_and(|known| {
            known.as_of.is_some_and(|asked| clock::instant().duration_since(asked) < FRESH)
                && !known.people.contains(&user)
        }) || self.free.contains_key(&user)
    }

    fn remember(&self, user: UserId, standing: Standing) {
        if standing == Standing::Active {
            self.free.insert(user, ());
        }
    }

    /// Whether the person was restricted once: then nothing more is heard of it, and whoever must know looks.
    pub(crate) fn may_be_restricted(&self, user: UserId) -> bool {
        self.restricted.read().is_ok_and(|known| known.people.contains(&user))
    }

    /// Asks again and again who was restricted, until `stop` says so, and wakes their streams. While it gets no answer,
    /// standings are looked up.
    pub(crate) async fn work(self, db: Db, live: Live, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.ask(&db, &live).await {
                tracing::debug!(%error, "who is restricted could not be read; standings are looked up");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn ask(&self, db: &Db, live: &Live) -> Result<()> {
        let mut lease = db.lease().await?;
        let (since, server) = self.restricted.read().map_or((0, None), |known| (known.next, known.server));
        let asked = clock::instant();
        let added = sqlx::query!(
            r#"select next as "next!", server as "server!", people as "people!: Vec<UserId>"
               from crewup.restricted_since($1, $2)"#,
            since,
            server,
        )
        .fetch_one(&mut *lease)
        .await?;
        lease.back();
        if let Ok(mut known) = self.restricted.write() {
            known.people.extend(&added.people);
            known.next = added.next;
            known.server = Some(added.server);
            known.as_of = Some(asked);
        }
        for person in added.people {
            live.wake(person.0.into());
        }
        Ok(())
    }
}

impl Default for Standings {
    fn default() -> Self {
        Self::new()
    }
}
