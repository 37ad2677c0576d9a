//! What moderation asks for the snapshot of a report: an object as its reporter sees it (M6).

use crewup_proto::crewup::group::internal::v1::{
    DescribeObjectRequest, DescribeObjectResponse, describe_object_request::Object,
};
use crewup_shared::{
    app::ReadCx,
    error::{ErrorReason, Result},
    fields::Fields,
    id::{GroupId, MessageId},
};

use crate::{access, store};

/// DescribeObject. The caller is the reporter, on whose behalf the service calls.
pub(crate) async fn describe(cx: &mut ReadCx, req: &DescribeObjectRequest) -> Result<DescribeObjectResponse> {
    let mut fields = Fields::new();
    match &req.object {
        Some(Object::GroupId(id)) => {
            let id = fields.id("group_id", id);
            fields.done()?;
            crew(cx, id).await
        }
        Some(Object::MessageId(id)) => {
            let id = fields.id("message_id", id);
            fields.done()?;
            message(cx, id).await
        }
        None => {
            fields.refuse("object", "one of group_id and message_id is required");
            fields.done()?;
            Ok(DescribeObjectResponse::default())
        }
    }
}

/// Its name and what it says of itself.
async fn crew(cx: &mut ReadCx, id: GroupId) -> Result<DescribeObjectResponse> {
    let caller = cx.caller.id;
    let crew = store::crews::get(cx.db(), caller, id).await?;
    let owner_id = crew.admins().first().map(|admin| admin.to_string()).unwrap_or_default();
    let content = match crew.description {
        Some(description) => format!("{}\n\n{description}", crew.name),
        None => crew.name,
    };
    Ok(DescribeObjectResponse { owner_id, content })
}

/// What it says, to a member. To everybody else, and once it is deleted, it is not there.
async fn message(cx: &mut ReadCx, id: MessageId) -> Result<DescribeObjectResponse> {
    let caller = cx.caller.id;
    let message = store::messages::get(cx.db(), id).await?.ok_or(ErrorReason::NotFound)?;
    let crew = store::crews::get(cx.db(), caller, message.group_id).await?;
    if message.is_deleted() || access::member(&crew).is_err() {
        return Err(ErrorReason::NotFound.into());
    }
    Ok(DescribeObjectResponse { owner_id: message.sender_id.to_string(), content: message.content })
}
