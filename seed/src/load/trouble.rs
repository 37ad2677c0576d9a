//! Alerts, reports and bans, with their places in the log (M10).

use super::copy;
use crate::city::City;
use crate::rows::Rows;
use crate::trouble::{Ban, Report};
use crate::{Counts, Failure};
use sqlx::postgres::PgConnection;

/// Writes them and counts them.
pub(super) async fn load(conn: &mut PgConnection, city: &City, counts: &mut Counts) -> Result<(), Failure> {
    counts.alerts = alerts(conn, city).await?;
    let mut log = Rows::new(9);
    counts.reports = reports(conn, city, &mut log).await?;
    counts.bans = bans(conn, city, &mut log).await?;
    let columns = "moderation_log (id, actor_id, action, target_kind, target_id, target_user_id, violation, \
                   state_after, created_at)";
    copy(conn, columns, log).await?;
    Ok(())
}

async fn alerts(conn: &mut PgConnection, city: &City) -> Result<u64, Failure> {
    let (mut batches, mut rows) = (Rows::new(10), Rows::new(10));
    let (mut places, mut recipients) = (Rows::new(4), Rows::new(5));
    for alert in &city.trouble.alerts {
        let sender = city.people[alert.sender].id;
        batches
            .row()
            .uuid(alert.id)
            .uuid(sender)
            .text("resolved")
            .time(alert.raised_at)
            .time(alert.raised_at)
            .time(alert.raised_at)
            .time(alert.expires_at)
            .time(alert.resolved_at)
            .uuid(sender)
            .text("sender");
        rows.row()
            .uuid(alert.row)
            .uuid(alert.id)
            .uuid(sender)
            .uuid(city.crews[alert.crew].id)
            .text(alert.kind)
            .optional(alert.message, Rows::text)
            .time(alert.raised_at)
            .time(alert.resolved_at)
            .time(alert.resolved_at)
            .uuid(sender);
        if let Some(place) = alert.place {
            places.row().uuid(alert.id).degrees(place.latitude).degrees(place.longitude).time(alert.raised_at);
        }
        for (at, person) in alert.recipients.iter().enumerate() {
            let answer = (at == 0).then_some("on_my_way");
            recipients
                .row()
                .uuid(alert.id)
                .uuid(city.people[*person].id)
                .time(alert.raised_at)
                .optional(answer, Rows::text)
                .optional(answer.map(|_| alert.raised_at + 30), Rows::time);
        }
    }
    let columns = "alert_batches (id, user_id, state, raised_at, created_at, updated_at, expires_at, closed_at, \
                   resolved_by, resolved_as)";
    let written = copy(conn, columns, batches).await?;
    let columns = "safety_alerts (id, batch_id, user_id, group_id, alert_type, message, created_at, updated_at, \
                   resolved_at, resolved_by_user_id)";
    copy(conn, columns, rows).await?;
    copy(conn, "alert_places (batch_id, latitude, longitude, recorded_at)", places).await?;
    copy(conn, "alert_recipients (batch_id, user_id, published_at, answer, answered_at)", recipients).await?;
    Ok(written)
}

async fn reports(conn: &mut PgConnection, city: &City, log: &mut Rows) -> Result<u64, Failure> {
    let by = city.people[Report::BY].id;
    let mut rows = Rows::new(12);
    for report in &city.trouble.reports {
        let owner = city.people[report.owner].id;
        let state = match report.closed {
            None => "open",
            Some((_, true)) => "resolved",
            Some((_, false)) => "dismissed",
        };
        rows.row()
            .uuid(report.id)
            .uuid(city.people[report.reporter].id)
            .text("message")
            .uuid(report.message)
            .uuid(owner)
            .text(report.violation)
            .optional(report.words, Rows::text)
            .text(report.snapshot)
            .text(state)
            .time(report.created_at)
            .optional(report.closed.map(|_| by), Rows::uuid)
            .optional(report.closed.map(|(at, _)| at), Rows::time);
        if let Some((at, acted)) = report.closed {
            log.row()
                .uuid(report.log)
                .uuid(by)
                .text(if acted { "resolve_report" } else { "dismiss_report" })
                .text("report")
                .uuid(report.id)
                .uuid(owner)
                .text(report.violation)
                .text(&state.to_uppercase())
                .time(at);
        }
    }
    let columns = "reports (id, reporter_id, object_kind, object_id, owner_id, violation, body, snapshot, state, \
                   created_at, closed_by, closed_at)";
    copy(conn, columns, rows).await
}

async fn bans(conn: &mut PgConnection, city: &City, log: &mut Rows) -> Result<u64, Failure> {
    let by = city.people[Ban::BY].id;
    let mut rows = Rows::new(8);
    for ban in &city.trouble.bans {
        let person = city.people[ban.person].id;
        rows.row()
            .uuid(ban.id)
            .uuid(ban.id)
            .uuid(person)
            .text(ban.violation)
            .text(ban.reason)
            .uuid(by)
            .time(ban.created_at)
            .optional(ban.expires_at, Rows::time);
        log.row()
            .uuid(ban.log)
            .uuid(by)
            .text("ban_user")
            .text("ban")
            .uuid(ban.id)
            .uuid(person)
            .text(ban.violation)
            .text("ACTIVE")
            .time(ban.created_at);
    }
    let columns = "bans (id, root_id, user_id, violation, reason, created_by, created_at, expires_at)";
    copy(conn, columns, rows).await
}
