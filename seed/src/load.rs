//! Writing the city: one transaction, each table by one binary COPY.

mod crews;
mod trouble;

use crate::city::City;
use crate::rows::Rows;
use crate::{Counts, Failure};
use sqlx::postgres::PgConnection;

/// How much of a COPY is sent at once.
const CHUNK: usize = 1 << 20;

/// Writes everything; the caller commits.
pub(crate) async fn load(conn: &mut PgConnection, city: &City) -> Result<Counts, Failure> {
    let mut counts = Counts {
        people: people(conn, city).await?,
        blocks: blocks(conn, city).await?,
        events: events(conn, city).await?,
        ..Counts::default()
    };
    seats(conn, city).await?;
    counts.answers = answers(conn, city).await?;
    (counts.waiting, counts.access) = entries(conn, city).await?;
    counts.ratings = ratings(conn, city).await?;
    (counts.crews, counts.messages) = crews::load(conn, city).await?;
    trouble::load(conn, city, &mut counts).await?;
    Ok(counts)
}

async fn people(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut users = Rows::new(10);
    let mut roles = Rows::new(3);
    for person in &city.people {
        users
            .row()
            .uuid(person.id)
            .text(&person.subject)
            .text(&person.email)
            .text(&person.first_name)
            .text(&person.last_name)
            .optional(person.bio.as_deref(), Rows::text)
            .optional(person.picture.as_deref(), Rows::text)
            .texts(&person.interests)
            .time(person.created_at)
            .time(person.created_at);
        if let Some(role) = person.role {
            roles.row().uuid(person.id).text(role).time(person.created_at);
        }
    }
    let columns = "users (id, keycloak_id, email, first_name, last_name, bio, profile_picture_url, interests, \
                   created_at, updated_at)";
    let written = copy(conn, columns, users).await?;
    copy(conn, "user_roles (user_id, role, seen_at)", roles).await?;
    Ok(written)
}

async fn blocks(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut rows = Rows::new(3);
    for block in &city.blocks {
        let (blocker, blocked) = (city.people[block.blocker].id, city.people[block.blocked].id);
        rows.row().uuid(blocker).uuid(blocked).time(block.created_at);
    }
    copy(conn, "user_blocks (blocker_id, blocked_id, created_at)", rows).await
}

async fn events(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut rows = Rows::new(18);
    for event in &city.events {
        rows.row()
            .uuid(event.id)
            .uuid(city.people[event.creator].id)
            .text(&event.name)
            .optional(event.description.as_deref(), Rows::text)
            .text(event.kind.name())
            .text(&event.address)
            .optional(event.place.map(|place| place.latitude), Rows::degrees)
            .optional(event.place.map(|place| place.longitude), Rows::degrees)
            .time(event.start)
            .optional(event.end, Rows::time)
            .text("Europe/Zurich")
            .optional(event.capacity, Rows::int)
            .bool(event.waitlist)
            .bool(event.public)
            .bool(event.cancelled_at.is_some())
            .optional(event.cancelled_at, Rows::time)
            .time(event.created_at)
            .time(event.cancelled_at.unwrap_or(event.created_at));
    }
    let columns = "events (id, creator_id, name, description, event_type, address, latitude, longitude, \
                   event_start, event_end, time_zone, max_attendees, waitlist_enabled, is_public, is_cancelled, \
                   cancelled_at, created_at, updated_at)";
    copy(conn, columns, rows).await
}

async fn seats(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut rows = Rows::new(5);
    for (event, seats) in city.events.iter().zip(&city.answers.seats) {
        rows.row()
            .uuid(event.id)
            .optional(event.capacity, Rows::int)
            .int(seats.going)
            .int(seats.interested)
            .int(seats.waiting);
    }
    copy(conn, "event_seats (event_id, capacity, going, interested, waiting)", rows).await
}

async fn answers(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut rows = Rows::new(5);
    for answer in &city.answers.given {
        rows.row()
            .uuid(city.events[answer.event].id)
            .uuid(city.people[answer.person].id)
            .text(answer.status.name())
            .time(answer.created_at)
            .time(answer.created_at);
    }
    copy(conn, "event_attendees (event_id, user_id, status, created_at, updated_at)", rows).await
}

/// The sequence of the waitlist numbers the rows as they come, which is the order of the queues (E11).
async fn entries(conn: &mut PgConnection, city: &City) -> Result<(u64, u64), Failure> {
    let rows_of = |entries: &[crate::answers::Entry]| {
        let mut rows = Rows::new(3);
        for entry in entries {
            let (event, person) = (city.events[entry.event].id, city.people[entry.person].id);
            rows.row().uuid(event).uuid(person).time(entry.created_at);
        }
        rows
    };
    let waitlist = rows_of(&city.answers.waitlist);
    let access = rows_of(&city.answers.access);
    Ok((
        copy(conn, "event_waitlist (event_id, user_id, created_at)", waitlist).await?,
        copy(conn, "event_access (event_id, user_id, created_at)", access).await?,
    ))
}

/// The trigger of R7 locks and computes the rated person's row for every rating, which is what concurrent raters
/// need and costs a bulk load minutes. Nobody else rates here: `alter table` locks the table until the commit. So
/// the trigger rests inside this transaction, and its formula runs once for everyone.
async fn ratings(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let mut rows = Rows::new(7);
    for rating in &city.ratings {
        rows.row()
            .uuid(rating.id)
            .uuid(city.people[rating.rated].id)
            .uuid(city.people[rating.rater].id)
            .int(rating.stars)
            .optional(rating.comment, Rows::text)
            .uuid(city.events[rating.event].id)
            .time(rating.created_at);
    }
    sqlx::query("alter table ratings disable trigger trg_ratings_follow").execute(&mut *conn).await?;
    let columns = "ratings (id, rated_user_id, rater_user_id, rating, comment, event_id, created_at)";
    let written = copy(conn, columns, rows).await?;
    sqlx::query(
        "update users u
         set reputation = r.average, rating_count = r.number
         from (
             select x.rated_user_id as person, coalesce(round(avg(x.rating), 2), 0) as average, count(*) as number
             from ratings x
             group by x.rated_user_id
         ) r
         where u.id = r.person",
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query("alter table ratings enable trigger trg_ratings_follow").execute(&mut *conn).await?;
    Ok(written)
}

async fn copy(conn: &mut PgConnection, table: &str, rows: Rows) -> Result<u64, Failure> {
    let mut into = conn.copy_in_raw(&format!("copy public.{table} from stdin (format binary)")).await?;
    for chunk in rows.finish().chunks(CHUNK) {
        into.send(chunk).await?;
    }
    Ok(into.finish().await?)
}
