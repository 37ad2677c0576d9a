//! Ratings and reputation (R1-R7).

use crewup_proto::{call::Standing, user::*};
use crewup_shared::{
    app::{ReadCx, WriteCx},
    error::{ErrorReason, Result},
    fields::Fields,
    id::{EventId, RatingId, UserId},
    idempotency::Once,
    page::Page,
};
use sqlx::PgConnection;

use crate::{
    access,
    model::{self, Draft},
    store::{
        self,
        ratings::{Key, RatableKey},
    },
};

/// CreateRating (R1-R4, X1).
pub(crate) async fn create(cx: &mut WriteCx, req: &CreateRatingRequest) -> Result<CreateRatingResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let mut fields = Fields::new();
    let request_id = fields.id("request_id", &req.request_id);
    let draft = Draft::parse(&mut fields, req);
    fields.done()?;
    draft.must_be_of_another(caller)?;

    let mut id = RatingId::new();
    match cx.once(request_id, req, id.0).await? {
        Once::First => {
            if matches!(cx.tx.standing(draft.rated), None | Some(Standing::Erased)) {
                return Err(ErrorReason::NotFound.into());
            }
            let shared = store::ratings::shared(cx.db(), caller, draft.rated, draft.event).await?;
            shared.ok_or(ErrorReason::NotFound)?.must_be_ratable(now)?;
            if !store::ratings::insert(cx.db(), id, caller, &draft, now).await? {
                return Err(ErrorReason::RatingExists.into());
            }
        }
        Once::Replay(made) => id = RatingId(made),
    }
    let rating = store::ratings::get(cx.db(), caller, id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(CreateRatingResponse { rating: Some(rating.to_wire()) })
}

/// Whom the rating is about, whose reputation goes with it.
pub(crate) async fn rated(db: &mut PgConnection, req: &DeleteRatingRequest) -> Result<Option<UserId>> {
    let mut fields = Fields::new();
    let id: RatingId = fields.id("rating_id", &req.rating_id);
    if fields.are_good() { store::ratings::rated(db, id).await } else { Ok(None) }
}

/// DeleteRating (R3).
pub(crate) async fn delete(cx: &mut WriteCx, req: &DeleteRatingRequest) -> Result<DeleteRatingResponse> {
    let mut fields = Fields::new();
    let id: RatingId = fields.id("rating_id", &req.rating_id);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let rating = store::ratings::get(cx.db(), caller, id).await?.ok_or(ErrorReason::NotFound)?;
    access::author_or_moderator(&rating, &cx.caller)?;
    if !access::is_moderator(&cx.caller) {
        rating.must_be_open(now)?;
    }
    if !store::ratings::delete(cx.db(), id).await? {
        return Err(ErrorReason::NotFound.into());
    }
    Ok(DeleteRatingResponse {})
}

/// ListRatings (U5).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListRatingsRequest) -> Result<ListRatingsResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let rated: UserId = fields.id("user_id", &req.user_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    if !store::people::is_seen(cx.db(), caller, rated).await? {
        return Err(ErrorReason::NotFound.into());
    }
    let rows = store::ratings::list(cx.db(), caller, rated, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| Key(row.created_at, row.id))?;
    Ok(ListRatingsResponse { ratings: rows.iter().map(|row| row.to_wire()).collect(), next_page_token })
}

/// GetReputation (R7).
pub(crate) async fn reputation(cx: &mut ReadCx, req: &GetReputationRequest) -> Result<GetReputationResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: UserId = fields.id("user_id", &req.user_id);
    fields.done()?;

    let person = store::people::get(cx.db(), caller, id).await?.ok_or(ErrorReason::NotFound)?;
    Ok(GetReputationResponse { reputation: Some(model::reputation(person.reputation, person.rating_count)) })
}

/// ListRatableUsers (R2-R4). People who are hidden from the caller now are left out, though they could be rated (R2):
/// the list would tell their names.
pub(crate) async fn list_ratable(cx: &mut ReadCx, req: &ListRatableUsersRequest) -> Result<ListRatableUsersResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let event: Option<EventId> = fields.optional_id("event_id", &req.event_id);
    let page = Page::parse(&mut fields, req, caller)?;
    fields.done()?;

    let rows = store::ratings::ratable(cx.db(), caller, event, &page).await?;
    let (rows, next_page_token) = page.cut(rows, |row| RatableKey(row.effective_end, row.event_id, row.user_id))?;
    Ok(ListRatableUsersResponse { users: rows.iter().map(|row| row.to_wire()).collect(), next_page_token })
}
