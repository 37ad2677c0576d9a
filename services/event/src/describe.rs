//! What a reporter sees of an event, for the moderation service (M6).

use chrono::SecondsFormat;
use crewup_proto::crewup::event::internal::v1::{DescribeObjectRequest, DescribeObjectResponse};
use crewup_shared::{app::ReadCx, error::Result, fields::Fields};

use crate::{model::Event, store};

/// DescribeObject (M6, E20). The caller is the reporter, on whose behalf the moderation service asks.
pub(crate) async fn describe(cx: &mut ReadCx, req: &DescribeObjectRequest) -> Result<DescribeObjectResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id = fields.id("event_id", &req.event_id);
    fields.done()?;

    let event = store::events::get(cx.db(), caller, id).await?;
    Ok(DescribeObjectResponse { owner_id: event.creator_id.to_string(), content: content(&event) })
}

/// Name, address and times, a line each, then the description. Not the place on the map.
fn content(event: &Event) -> String {
    let at = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let times = match event.event_end {
        Some(end) => format!("{} to {} ({})", at(event.event_start), at(end), event.time_zone),
        None => format!("{} ({})", at(event.event_start), event.time_zone),
    };
    let mut content = format!("{}\n{}\n{times}", event.name, event.address);
    if let Some(description) = &event.description {
        content.push('\n');
        content.push_str(description);
    }
    content
}
