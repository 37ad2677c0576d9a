//! Reports (M6) and the queue of them (M7).

use chrono::{DateTime, Utc};
use crewup_proto::moderation::{resolve_report_request::Resolution, *};
use crewup_shared::{
    app::{Caller, ReadCx, Told, WriteCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::ReportId,
    idempotency::Once,
    page::Page,
};
use sqlx::PgConnection;

use crate::{
    access,
    describe::Described,
    figures,
    model::{self, Deed, Named as _, Object, Outcome, SNAPSHOT, Target, Touched, cut},
    store::{
        self,
        reports::{Filter, Key, New},
    },
};

const LONGEST_TEXT: usize = 1000;
const LONGEST_NOTE: usize = 2000;

/// CreateReport (M6, X1). What a report is about may be gone when the call is repeated: who asks again is answered first.
pub(crate) async fn create(
    cx: &mut WriteCx,
    req: &Told<CreateReportRequest, Described>,
) -> Result<CreateReportResponse> {
    let Told { request: req, told } = req;
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let object = Object::parse(&mut fields, "object", req.object.as_ref());
    fields.check("object", req.object.is_some(), "is required");
    let violation: Option<Violation> = fields.required_enum("violation", req.violation);
    let body = fields.text("text", &req.text, LONGEST_TEXT);
    fields.done()?;
    let (object, violation) = object.zip(violation).ok_or_else(|| Error::internal("a field past its check"))?;

    let (caller, now) = (cx.caller.id, cx.now());
    let mut id = ReportId::new();
    match cx.once(request_id, req, id.0).await? {
        Once::First => {
            let described = told.as_ref().map_err(Error::same)?;
            if let Some(owner) = described.owner {
                access::not_oneself(&cx.caller, owner, "object")?;
            }
            let new = New {
                id,
                reporter: caller,
                object,
                owner: described.owner,
                violation: violation.name(),
                body,
                snapshot: cut(&described.content, SNAPSHOT).to_owned(),
            };
            store::reports::lock(cx.db(), object).await?;
            if !store::reports::insert(cx.db(), &new, now).await? {
                return Err(ErrorReason::ReportExists.into());
            }
            cx.tx.count(&figures::REPORTED, object.kind.name());
        }
        Once::Replay(made) => id = ReportId(made),
    }
    let report = store::reports::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(CreateReportResponse { report: Some(report.to_own_wire()) })
}

/// ListReports (E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListReportsRequest) -> Result<ListReportsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let empty = ReportFilter::default();
    let filter = req.filter.as_ref().unwrap_or(&empty);
    let mut states: Vec<ReportState> = fields.enums("filter.states", &filter.states, 4);
    if states.is_empty() {
        states.extend([ReportState::Open, ReportState::Claimed]);
    }
    let violations: Vec<Violation> = fields.enums("filter.violations", &filter.violations, 11);
    let filter = Filter {
        states: states.into_iter().map(ReportState::name).collect(),
        object: Object::parse(&mut fields, "filter.object", filter.object.as_ref()),
        owner: fields.optional_id("filter.owner_id", &filter.owner_id),
        violations: violations.into_iter().map(Violation::name).collect(),
        claimed_by: filter.claimed_by_me.then_some(caller),
    };
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::reports::list(cx.db(), &filter, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    let people = store::people::named(cx.db(), rows.iter().flat_map(model::Report::people)).await?;
    Ok(ListReportsResponse { reports: rows.iter().map(|row| row.to_wire(&people)).collect(), next_page_token })
}

/// ClaimReport (M7).
pub(crate) async fn claim(cx: &mut WriteCx, req: &ClaimReportRequest) -> Result<ClaimReportResponse> {
    let mut fields = Fields::new();
    let id: ReportId = fields.id("report_id", &req.report_id);
    fields.done()?;

    let (caller, now) = (cx.caller.clone(), cx.now());
    let (report, open) = held(cx.db(), &caller, id).await?;
    if report.claim(caller.id)? == Outcome::Changed {
        let ids: Vec<_> = open.iter().map(|report| report.id).collect();
        store::reports::claim(cx.db(), &ids, caller.id, now).await?;
        let deed = Deed::new(caller.id, LogAction::ClaimReport, now, ReportState::Claimed.name());
        store::log::write(cx.db(), &deed, &touched(&open)).await?;
    }
    Ok(ClaimReportResponse { report: Some(shown(cx.db(), id).await?) })
}

/// ResolveReport (M7).
pub(crate) async fn resolve(cx: &mut WriteCx, req: &ResolveReportRequest) -> Result<ResolveReportResponse> {
    let mut fields = Fields::new();
    let id: ReportId = fields.id("report_id", &req.report_id);
    let resolution: Option<Resolution> = fields.required_enum("resolution", req.resolution);
    let note = fields.text("internal_note", &req.internal_note, LONGEST_NOTE);
    fields.done()?;
    let (state, action) = match resolution {
        Some(Resolution::Acted) => (ReportState::Resolved, LogAction::ResolveReport),
        Some(Resolution::Dismissed) => (ReportState::Dismissed, LogAction::DismissReport),
        Some(Resolution::Unspecified) | None => return Err(Error::internal("an enum past its check")),
    };

    let (caller, now) = (cx.caller.clone(), cx.now());
    let (report, open) = held(cx.db(), &caller, id).await?;
    let mut closed_count = 0;
    if report.resolve(caller.id, state)? == Outcome::Changed {
        let ids: Vec<_> = open.iter().map(|report| report.id).collect();
        let at = after_claims(&open, now);
        store::reports::close(cx.db(), &ids, &state.name(), note.as_deref(), caller.id, at).await?;
        store::log::write(cx.db(), &Deed::new(caller.id, action, at, state.name()), &touched(&open)).await?;
        closed_count = i32::try_from(ids.len()).map_err(Error::internal)?;
    }
    Ok(ResolveReportResponse { report: Some(shown(cx.db(), id).await?), closed_count })
}

/// A report under the lock of its object, and all of the object that are not closed. Not the caller's own things (M1).
async fn held(db: &mut PgConnection, caller: &Caller, id: ReportId) -> Result<(model::Report, Vec<model::Report>)> {
    let object = store::reports::get(db, id).await?.ok_or(ErrorReason::NotFound)?.object();
    let object = object.ok_or_else(|| Error::internal("a report of an unknown kind of thing"))?;
    store::reports::lock(db, object).await?;
    let open = store::reports::held_open(db, object).await?;
    let report = store::reports::get(db, id).await?.ok_or(ErrorReason::NotFound)?;
    for owner in open.iter().chain([&report]).filter_map(|report| report.owner_id) {
        access::not_oneself(caller, owner, "report_id")?;
    }
    Ok((report, open))
}

/// A call that waited for a claim began before it (X6): its own time would put the end before the claim.
fn after_claims(open: &[model::Report], now: DateTime<Utc>) -> DateTime<Utc> {
    open.iter().filter_map(|report| report.claimed_at).fold(now, DateTime::max)
}

fn touched(reports: &[model::Report]) -> Vec<Touched> {
    let each = reports.iter().map(|report| Touched {
        target: Target::Report(report.id),
        person: report.owner_id,
        violation: report.violation.clone(),
        state_before: Some(report.state.clone()),
    });
    each.collect()
}

async fn shown(db: &mut PgConnection, id: ReportId) -> Result<Report> {
    let report = store::reports::get(db, id).await?.ok_or(ErrorReason::NotFound)?;
    let people = store::people::named(db, report.people()).await?;
    Ok(report.to_wire(&people))
}
