//! Bans (M1-M4): making, revising, lifting, reading.

use chrono::{DateTime, Utc};
use crewup_proto::{
    call::Standing,
    moderation::{self as wire, *},
};
use crewup_shared::{
    app::{ReadCx, Tx, WriteCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{BanId, UserId},
    idempotency::Once,
    outbox::Topic,
    page::Page,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    access, figures,
    model::{Ban, Deed, Draft, Named as _, Target, Touched},
    store::{
        self,
        bans::{Filter, Key},
    },
};

/// BanUser (M1, M2, X1). Nobody is left to ban of an erased person: NOT_FOUND, as for one who never was.
pub(crate) async fn ban(cx: &mut WriteCx, req: &BanUserRequest) -> Result<BanUserResponse> {
    let (caller, now) = (cx.caller.clone(), cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let user: UserId = fields.id("user_id", &req.user_id);
    let version = BanId::new();
    // Before the rules of time: a retry comes later than the call that it repeats.
    if fields.are_good()
        && let Once::Replay(made) = cx.once(request_id, req, version.0).await?
    {
        let ban = store::bans::of_version(cx.db(), made).await?.ok_or(ErrorReason::NotFound)?;
        return Ok(BanUserResponse { ban: Some(shown_one(cx.db(), ban).await?) });
    }
    let draft = Draft::parse(&mut fields, req, now);
    fields.done()?;
    access::not_oneself(&caller, user, "user_id")?;
    if matches!(cx.tx.standing(user), None | Some(Standing::Erased)) {
        return Err(ErrorReason::NotFound.into());
    }
    access::outranks(cx.db(), &caller, user).await?;

    write_version(cx, version, user, &draft, request_id).await?;
    let ban = store::bans::of_version(cx.db(), version.0).await?.ok_or(ErrorReason::NotFound)?;
    Ok(BanUserResponse { ban: Some(shown_one(cx.db(), ban).await?) })
}

/// Writes a version with its entry of the log, and tells of it: the next of a ban in force, or the first of one. The person is
/// entered.
async fn write_version(cx: &mut WriteCx, version: BanId, user: UserId, draft: &Draft, request_id: Uuid) -> Result<()> {
    let (caller, now) = (cx.caller.id, cx.now());
    let last = store::bans::last_of(cx.db(), user).await?;
    let at = last.as_ref().map_or(now, |last| last.next_instant(now));
    if draft.expires_at.is_some_and(|end| end <= at) {
        return Err(Error::field(ErrorReason::InvalidFields, "expire_time", "was over when the ban had its turn"));
    }
    let revised = last.as_ref().filter(|last| last.is_in_force());
    // One that is over by its time has an open row still, which ended then.
    let ended_at = last.as_ref().and_then(|last| last.present.expires_at).filter(|_| revised.is_none()).unwrap_or(at);
    store::bans::end(cx.db(), user, ended_at, None).await?;
    store::bans::insert(cx.db(), version, revised.map(|ban| ban.id), user, draft, caller, at).await?;

    cx.tx.count(&figures::BANNED, if revised.is_some() { "revised" } else { "banned" });
    let state = BanState::Active.name();
    let action = if revised.is_some() { LogAction::ReviseBan } else { LogAction::BanUser };
    let deed = Deed {
        expires_before: revised.and_then(|ban| ban.present.expires_at),
        expires_after: draft.expires_at,
        request_id: Some(request_id),
        ..Deed::new(caller, action, at, state.clone())
    };
    let touched = Touched {
        target: Target::Ban(revised.map_or(version, |ban| ban.id)),
        person: Some(user),
        violation: draft.violation.clone(),
        state_before: revised.map(|_| state),
    };
    store::log::write(cx.db(), &deed, &[touched]).await?;
    cx.tx.emit(Topic::UserStanding, user, None);
    Ok(())
}

/// UnbanUser (M1, M5).
pub(crate) async fn unban(cx: &mut WriteCx, req: &UnbanUserRequest) -> Result<UnbanUserResponse> {
    let mut fields = Fields::new();
    let user: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;
    access::not_oneself(&cx.caller, user, "user_id")?;
    if cx.tx.standing(user).is_none() {
        return Err(ErrorReason::NotFound.into());
    }
    let (caller, now) = (cx.caller.clone(), cx.now());
    access::outranks(cx.db(), &caller, user).await?;

    let mut ban = store::bans::last_of(cx.db(), user).await?.ok_or(ErrorReason::NotBanned)?;
    if ban.is_in_force() {
        let at = ban.next_instant(now);
        lift(&mut cx.tx, &ban, caller.id, at).await?;
        let deed = Deed {
            expires_before: ban.present.expires_at,
            expires_after: ban.present.expires_at,
            ..Deed::new(caller.id, LogAction::UnbanUser, at, BanState::Lifted.name())
        };
        let touched = Touched {
            target: Target::Ban(ban.id),
            person: Some(user),
            violation: ban.present.violation.clone(),
            state_before: Some(ban.present.state.clone()),
        };
        store::log::write(cx.db(), &deed, &[touched]).await?;
        ban = store::bans::get(cx.db(), ban.id).await?.ok_or(ErrorReason::NotFound)?;
    } else if !ban.is_lifted() {
        return Err(ErrorReason::NotBanned.into());
    }
    Ok(UnbanUserResponse { ban: Some(shown_one(cx.db(), ban).await?) })
}

/// Lifts a ban in force, and tells of it. The person is entered.
pub(crate) async fn lift(tx: &mut Tx, ban: &Ban, by: UserId, at: DateTime<Utc>) -> Result<()> {
    store::bans::end(tx.db(), ban.user_id, at, Some(by)).await?;
    tx.emit(Topic::UserStanding, ban.user_id, None);
    Ok(())
}

/// GetBan.
pub(crate) async fn get(cx: &mut ReadCx, req: &GetBanRequest) -> Result<GetBanResponse> {
    let mut fields = Fields::new();
    let id: BanId = fields.id("ban_id", &req.ban_id);
    fields.done()?;

    let ban = store::bans::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(GetBanResponse { ban: Some(shown_one(cx.db(), ban).await?) })
}

/// ListBans (E21).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListBansRequest) -> Result<ListBansResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let empty = BanFilter::default();
    let filter = req.filter.as_ref().unwrap_or(&empty);
    let states: Vec<BanState> = fields.enums("filter.states", &filter.states, 3);
    let filter = Filter {
        user: fields.optional_id("filter.user_id", &filter.user_id),
        states: states.into_iter().map(BanState::name).collect(),
    };
    let page: Page<Key> = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let keys = store::bans::list(cx.db(), &filter, &page).await?;
    let (keys, next_page_token) = page.cut(keys, |key| Key(key.0, key.1))?;
    let ids: Vec<_> = keys.iter().map(|key| key.1).collect();
    let mut bans = store::bans::batch(cx.db(), &ids).await?;
    bans.sort_by_key(|ban| ids.iter().position(|id| *id == ban.id));
    Ok(ListBansResponse { bans: shown(cx.db(), &bans).await?, next_page_token })
}

/// GetMyBan (M9).
pub(crate) async fn get_mine(cx: &mut ReadCx, _: &GetMyBanRequest) -> Result<GetMyBanResponse> {
    let caller = cx.caller.id;
    let ban = store::bans::last_of(cx.db(), caller).await?.filter(Ban::is_in_force).ok_or(ErrorReason::NotBanned)?;
    let appeal = store::appeals::against(cx.db(), &[ban.id]).await?.pop();
    Ok(GetMyBanResponse { ban: Some(ban.to_own_wire(appeal.as_ref())) })
}

/// Bans with their appeals and the names of everyone in them, in their order.
async fn shown(db: &mut PgConnection, bans: &[Ban]) -> Result<Vec<wire::Ban>> {
    let ids: Vec<_> = bans.iter().map(|ban| ban.id).collect();
    let appeals = store::appeals::against(db, &ids).await?;
    let named = bans.iter().flat_map(Ban::people).chain(appeals.iter().flat_map(|appeal| appeal.people()));
    let people = store::people::named(db, named).await?;
    let appeal_of = |id: BanId| appeals.iter().find(|appeal| appeal.ban_id == id);
    Ok(bans.iter().map(|ban| ban.to_wire(appeal_of(ban.id), &people)).collect())
}

async fn shown_one(db: &mut PgConnection, ban: Ban) -> Result<wire::Ban> {
    shown(db, &[ban]).await?.pop().ok_or_else(|| ErrorReason::NotFound.into())
}
