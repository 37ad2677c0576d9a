//! What a reporter sees of a profile or a rating, for the moderation service (M6).

use crewup_proto::crewup::user::internal::v1::{
    DescribeObjectRequest, DescribeObjectResponse, describe_object_request::Object,
};
use crewup_shared::{
    app::ReadCx,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{RatingId, UserId},
};

use crate::{
    model::{Person, Rating},
    store,
};

/// DescribeObject (M6, U3, U5). The caller is the reporter, on whose behalf the moderation service asks.
pub(crate) async fn describe(cx: &mut ReadCx, req: &DescribeObjectRequest) -> Result<DescribeObjectResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let (owner, content) = match &req.object {
        Some(Object::UserId(id)) => {
            let id: UserId = fields.id("user_id", id);
            fields.done()?;
            let person = store::people::get(cx.db(), caller, id).await?.ok_or(ErrorReason::NotFound)?;
            (person.id, profile(&person))
        }
        Some(Object::RatingId(id)) => {
            let id: RatingId = fields.id("rating_id", id);
            fields.done()?;
            let rating = store::ratings::get(cx.db(), caller, id).await?;
            let seen = rating.filter(|rating| rating.is_seen || rating.rater_user_id == caller);
            let rating = seen.ok_or(ErrorReason::NotFound)?;
            (rating.rater_user_id, comment(&rating))
        }
        None => return Err(Error::field(ErrorReason::InvalidFields, "object", "must say what it is")),
    };
    Ok(DescribeObjectResponse { owner_id: owner.to_string(), content })
}

/// The public profile, a line each: names, interests, picture, bio.
fn profile(person: &Person) -> String {
    let mut lines = vec![format!("{} {}", person.first_name, person.last_name)];
    lines.extend(person.interests.as_ref().filter(|list| !list.is_empty()).map(|list| list.join(", ")));
    lines.extend(person.profile_picture_url.clone());
    lines.extend(person.bio.clone());
    lines.join("\n")
}

/// The stars, then the comment.
fn comment(rating: &Rating) -> String {
    let stars = format!("{} of 5", rating.rating);
    match &rating.comment {
        Some(comment) => format!("{stars}\n{comment}"),
        None => stars,
    }
}
