//! What a reporter sees of an alert, for the snapshot of a report (M6).

use crewup_proto::crewup::safety::internal::v1::{DescribeObjectRequest, DescribeObjectResponse};
use crewup_shared::{app::ReadCx, error::Result, fields::Fields};

use crate::{access, store};

/// DescribeObject. Never the place, which would outlive its time there (S8).
pub(crate) async fn alert(cx: &mut ReadCx, req: &DescribeObjectRequest) -> Result<DescribeObjectResponse> {
    let mut fields = Fields::new();
    let id = fields.id("alert_id", &req.alert_id);
    fields.done()?;

    let (caller, moderates) = (cx.caller.id, access::moderates(&cx.caller));
    let alert = store::alerts::get(cx.db(), caller, moderates, id).await?;
    Ok(DescribeObjectResponse { owner_id: alert.user_id.to_string(), content: alert.description() })
}
