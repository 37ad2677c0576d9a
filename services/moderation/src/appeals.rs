//! Appeals against bans (M9).

use crewup_proto::moderation::{decide_appeal_request::Decision, *};
use crewup_shared::{
    app::{ReadCx, WriteCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{AppealId, UserId},
    idempotency::Once,
    page::Page,
};
use sqlx::PgConnection;

use crate::{
    access, bans,
    model::{self, Ban, Deed, Named as _, Target, Touched},
    store::{
        self,
        appeals::{Filter, Key},
    },
};

const LONGEST_TEXT: usize = 2000;
const LONGEST_ANSWER: usize = 1000;

/// AppealBan (M9, X1).
pub(crate) async fn create(cx: &mut WriteCx, req: &AppealBanRequest) -> Result<AppealBanResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let text = fields.text("text", &req.text, LONGEST_TEXT);
    fields.check("text", text.is_some(), "is required");
    fields.done()?;

    let mut id = AppealId::new();
    match cx.once(request_id, req, id.0).await? {
        Once::First => {
            let ban = store::bans::last_of(cx.db(), caller).await?.filter(Ban::is_in_force);
            let ban = ban.ok_or(ErrorReason::NotBanned)?;
            let at = ban.next_instant(now);
            if !store::appeals::insert(cx.db(), id, ban.id, caller, &text.unwrap_or_default(), at).await? {
                return Err(ErrorReason::AppealExists.into());
            }
            let deed = Deed {
                request_id: Some(request_id),
                ..Deed::new(caller, LogAction::AppealBan, at, AppealState::Pending.name())
            };
            let touched = Touched {
                target: Target::Appeal(id),
                person: Some(caller),
                violation: ban.present.violation,
                state_before: None,
            };
            store::log::write(cx.db(), &deed, &[touched]).await?;
        }
        Once::Replay(made) => id = AppealId(made),
    }
    let appeal = store::appeals::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(AppealBanResponse { appeal: Some(appeal.to_own_wire()) })
}

/// ListAppeals (E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListAppealsRequest) -> Result<ListAppealsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let empty = AppealFilter::default();
    let filter = req.filter.as_ref().unwrap_or(&empty);
    let mut states: Vec<AppealState> = fields.enums("filter.states", &filter.states, 3);
    if states.is_empty() {
        states.push(AppealState::Pending);
    }
    let filter = Filter {
        states: states.into_iter().map(AppealState::name).collect(),
        user: fields.optional_id("filter.user_id", &filter.user_id),
    };
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::appeals::list(cx.db(), &filter, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    let people = store::people::named(cx.db(), rows.iter().flat_map(model::Appeal::people)).await?;
    Ok(ListAppealsResponse { appeals: rows.iter().map(|row| row.to_wire(&people)).collect(), next_page_token })
}

/// Whom DecideAppeal acts on. Who appeals never changes.
pub(crate) async fn appellant(db: &mut PgConnection, req: &DecideAppealRequest) -> Result<Option<UserId>> {
    let mut fields = Fields::new();
    let id: AppealId = fields.id("appeal_id", &req.appeal_id);
    if !fields.are_good() {
        return Ok(None);
    }
    Ok(store::appeals::get(db, id).await?.map(|appeal| appeal.user_id))
}

/// DecideAppeal (M1, M9).
pub(crate) async fn decide(cx: &mut WriteCx, req: &DecideAppealRequest) -> Result<DecideAppealResponse> {
    let mut fields = Fields::new();
    let id: AppealId = fields.id("appeal_id", &req.appeal_id);
    let decision: Option<Decision> = fields.required_enum("decision", req.decision);
    let answer = fields.text("answer", &req.answer, LONGEST_ANSWER);
    fields.check("answer", answer.is_some(), "is required");
    fields.done()?;
    let (state, action) = match decision {
        Some(Decision::Grant) => (AppealState::Granted, LogAction::GrantAppeal),
        Some(Decision::Reject) => (AppealState::Rejected, LogAction::RejectAppeal),
        Some(Decision::Unspecified) | None => return Err(Error::internal("an enum past its check")),
    };

    let (caller, now) = (cx.caller.clone(), cx.now());
    let mut appeal = store::appeals::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    // Made between the look for it and the transaction: the next call finds it.
    if cx.tx.standing(appeal.user_id).is_none() {
        return Err(ErrorReason::Conflict.into());
    }
    access::not_oneself(&caller, appeal.user_id, "appeal_id")?;
    access::outranks(cx.db(), &caller, appeal.user_id).await?;
    let ban = store::bans::get(cx.db(), appeal.ban_id).await?.ok_or(ErrorReason::NotFound)?;
    if appeal.must_be_decidable(&ban, caller.id, state)? {
        let at = ban.next_instant(now).max(appeal.created_at);
        store::appeals::decide(cx.db(), id, &state.name(), &answer.unwrap_or_default(), caller.id, at).await?;
        if state == AppealState::Granted && ban.is_in_force() {
            bans::lift(&mut cx.tx, &ban, caller.id, at).await?;
        }
        let touched = Touched {
            target: Target::Appeal(id),
            person: Some(appeal.user_id),
            violation: ban.present.violation,
            state_before: Some(appeal.state),
        };
        store::log::write(cx.db(), &Deed::new(caller.id, action, at, state.name()), &[touched]).await?;
        appeal = store::appeals::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    }
    let people = store::people::named(cx.db(), appeal.people()).await?;
    Ok(DecideAppealResponse { appeal: Some(appeal.to_wire(&people)) })
}
