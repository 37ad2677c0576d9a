//! Telling other services what happened (X8): a row in the transaction that it tells of, and one claim for each
//! consumer, which that consumer deletes in the transaction of its effect.
//!
//! Rows hold ids, never content (X9). A reaction takes the locks, reads the present state and makes it so, so that a
//! row told twice, late or together with a later one does no harm.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::PgConnection;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::{
    app::Tx,
    db::Db,
    error::{Error, Result},
    live::Live,
};

/// So many claims of different keys are worked on at once in a process.
pub(crate) const WORKERS: usize = 2;
/// How often a worker looks without being woken. A lost wake-up costs at most this.
const POLL: Duration = Duration::from_millis(400);
/// A row that failed so often is put aside, counted and alerted on.
const ATTEMPTS: i32 = 10;

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Key: a user. The person was deactivated, reactivated, erased, banned or unbanned.
    UserStanding,
    /// Key: an event; subject: a user. The person's RSVP left `going` (G9).
    AttendanceLeft,
    /// Key: an event; subject: a user. What the person answered changed in any other way, or the place in the waitlist.
    AttendanceChanged,
    /// Key: an event. Its start or place changed, or it was cancelled (E7).
    EventChanged,
    /// Key: an event; subject, where it was made: its creator. It was made, edited in any other way, or deleted.
    EventEdited,
    /// Key: a crew. Somebody became a member or ceased to be one, or it was archived (S14).
    CrewMembers,
    /// Key: a batch of alerts. It was raised, changed, answered, escalated or closed (S2, S6, S7).
    AlertChanged,
}

impl Topic {
    const ALL: [Self; 7] = [
        Self::UserStanding,
        Self::AttendanceLeft,
        Self::AttendanceChanged,
        Self::EventChanged,
        Self::EventEdited,
        Self::CrewMembers,
        Self::AlertChanged,
    ];

    /// The topics by which the streams of `service` find what no wake-up told them.
    pub(crate) fn watched_by(service: &str) -> impl Iterator<Item = Self> {
        let topics: &[Self] = match service {
            "event" => &[Self::AttendanceLeft, Self::AttendanceChanged, Self::EventChanged, Self::EventEdited],
            "safety" => &[Self::AlertChanged],
            _ => &[],
        };
        topics.iter().copied()
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UserStanding => "user.standing",
            Self::AttendanceLeft => "attendance.left",
            Self::AttendanceChanged => "attendance.changed",
            Self::EventChanged => "event.changed",
            Self::EventEdited => "event.edited",
            Self::CrewMembers => "crew.members",
            Self::AlertChanged => "alert.changed",
        }
    }

    /// The services that react. A topic without any is still published: its row stays for the retention time.
    const fn consumers(self) -> &'static [&'static str] {
        match self {
            Self::UserStanding => &["event", "group", "user", "safety", "moderation"],
            Self::AttendanceLeft => &["group"],
            Self::CrewMembers => &["safety"],
            Self::AttendanceChanged | Self::EventChanged | Self::EventEdited | Self::AlertChanged => &[],
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// One thing to tell, gathered until the commit.
pub(crate) struct Emitted {
    pub(crate) topic: Topic,
    pub(crate) key: Uuid,
    pub(crate) subject: Option<Uuid>,
}

/// Writes rows and claims and commits, in one round trip.
pub(crate) fn told_and_committed(emitted: &[Emitted]) -> String {
    told(emitted) + "; commit"
}

/// Writes rows and claims: text without parameters, of names and ids of our own making.
pub(crate) fn told(emitted: &[Emitted]) -> String {
    let uuid = |id: Option<Uuid>| id.map_or("null::uuid".to_owned(), |id| format!("'{id}'::uuid"));
    let (mut rows, mut claims) = (Vec::new(), Vec::new());
    for one in emitted {
        let topic = one.topic.name();
        rows.push(format!("('{topic}', {}, {})", uuid(Some(one.key)), uuid(one.subject)));
        for consumer in one.topic.consumers() {
            let claim = format!("('{topic}', '{consumer}')");
            if !claims.contains(&claim) {
                claims.push(claim);
            }
        }
    }
    let insert = format!(
        "insert into outbox (topic, key, subject, created_at)
         select t.topic, t.key, t.subject, crewup.now() from (values {}) as t (topic, key, subject)",
        rows.join(", "),
    );
    if claims.is_empty() {
        return insert;
    }
    format!(
        "with told as ({insert} returning id, topic, key, subject)
         insert into outbox_claims (outbox_id, consumer, topic, key, subject, due_at)
         select told.id, c.consumer, told.topic, told.key, told.subject, crewup.now()
         from told join (values {}) as c (topic, consumer) on c.topic = told.topic",
        claims.join(", "),
    )
}

/// Wakes, after a commit, the workers of this process and who watches what happened. Carries no data and may be lost: they
/// look by themselves, too.
#[derive(Clone, Default)]
pub struct Wake {
    workers: Arc<Notify>,
    live: Live,
}

impl Wake {
    /// Wakes the watchers of `live`, too.
    pub fn new(live: Live) -> Self {
        Self { workers: Arc::default(), live }
    }

    /// Wakes one worker, which looks until nothing is left, and everybody who watches what was told of.
    pub(crate) fn committed(&self, emitted: &[Emitted], touched: &[Uuid]) {
        if !emitted.is_empty() {
            self.workers.notify_one();
        }
        let things = emitted.iter().flat_map(|told| [Some(told.key), told.subject]).flatten();
        for key in things.chain(touched.iter().copied()) {
            self.live.tell(key.into());
        }
    }
}

/// A claim in hand: what happened, to which key.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What happened.
    pub topic: Topic,
    /// To whom or what; see [`Topic`].
    pub key: Uuid,
    /// The second id where the topic has one.
    pub subject: Option<Uuid>,
    id: i64,
    /// The newest row that tells the same. It was committed before the reaction reads the present state, which is then of
    /// after it, so that one reaction does for all.
    last: i64,
}

/// What a service does when it is told of something: reads the present state and makes it so.
pub type React = for<'a> fn(&'a mut Tx, Claim) -> BoxFuture<'a, Result<()>>;

/// The worker of one service: looks for claims until `stop` says so.
pub(crate) async fn work(db: Db, consumer: &'static str, react: React, wake: Wake, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match step(&db, consumer, react, &wake).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, consumer, "the outbox cannot be read"),
        }
        tokio::select! {
            () = wake.workers.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does the oldest claim that is due. False: there was none.
async fn step(db: &Db, consumer: &str, react: React, wake: &Wake) -> Result<bool> {
    let mut tx = Tx::begin(db, &[]).await?;
    let Some(claim) = take(&mut tx, consumer).await? else { return Ok(false) };
    let done = async {
        react(&mut tx, claim).await?;
        done(tx.db(), consumer, &claim).await?;
        tx.commit(wake).await
    };
    if let Err(error) = done.await {
        tracing::warn!(%error, consumer, topic = claim.topic.name(), key = %claim.key, "a reaction failed");
        put_off(db, consumer, claim.id).await?;
    }
    Ok(true)
}

/// The oldest undone claim of any key that nobody holds. Skipping only whole keys keeps each key in order. The oldest of a
/// key by a subquery of its own, which cannot become a join: so claims are walked in order, and the first that fits is the end.
/// A topic of a later release is left for a process that knows it.
async fn take(tx: &mut Tx, consumer: &str) -> Result<Option<Claim>> {
    let known = Topic::ALL.map(|topic| topic.name().to_owned());
    let row = sqlx::query!(
        r#"select c.outbox_id, c.topic, c.key, c.subject, (
               select max(s.outbox_id) from outbox_claims s
               where s.consumer = c.consumer and s.key = c.key and s.topic = c.topic
                 and s.subject is not distinct from c.subject and s.parked_at is null) as "last!"
           from outbox_claims c
           where c.consumer = $1 and c.topic = any($2) and c.parked_at is null and c.due_at <= crewup.now()
             and c.outbox_id = (
                 select min(o.outbox_id) from outbox_claims o
                 where o.consumer = c.consumer and o.key = c.key and o.parked_at is null)
           order by c.outbox_id
           limit 1
           for update of c skip locked"#,
        consumer,
        &known,
    )
    .fetch_optional(tx.db())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let topic = Topic::parse(&row.topic).ok_or_else(|| Error::internal(format!("unknown topic {}", row.topic)))?;
    Ok(Some(Claim { topic, key: row.key, subject: row.subject, id: row.outbox_id, last: row.last }))
}

async fn done(db: &mut PgConnection, consumer: &str, claim: &Claim) -> Result<()> {
    sqlx::query!(
        "delete from outbox_claims
         where consumer = $1 and key = $2 and parked_at is null and outbox_id between $3 and $4
           and topic = $5 and subject is not distinct from $6",
        consumer,
        claim.key,
        claim.id,
        claim.last,
        claim.topic.name(),
        claim.subject,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Tries again later, twice as late each time; parks the claim in the end.
async fn put_off(db: &Db, consumer: &str, id: i64) -> Result<()> {
    let mut lease = db.lease().await?;
    let parked = sqlx::query_scalar!(
        r#"update outbox_claims
           set attempts = attempts + 1,
               due_at = crewup.now() + least(interval '0.1 seconds' * power(2, attempts), interval '5 minutes'),
               parked_at = case when attempts + 1 >= $3 then crewup.now() end
           where consumer = $1 and outbox_id = $2
           returning parked_at is not null as "parked!""#,
        consumer,
        id,
        ATTEMPTS,
    )
    .fetch_optional(&mut *lease)
    .await?;
    lease.back();
    if parked == Some(true) {
        tracing::error!(consumer, outbox_id = id, "a reaction failed {ATTEMPTS} times and was put aside");
    }
    Ok(())
}
