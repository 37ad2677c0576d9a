//! A request of every call that would succeed if its caller were allowed to make it.

use crewup_proto::{
    crewup::{
        event::internal::v1 as event_internal, group::internal::v1 as group_internal,
        safety::internal::v1 as safety_internal, user::internal::v1 as user_internal,
    },
    event::{self, AttendanceStatus},
    google::r#type::LatLng,
    group::{self, MemberRole},
    moderation::{self, decide_appeal_request::Decision, reported_object::Object, resolve_report_request},
    safety::{self, AcknowledgementType, AlertType},
    user,
};
use crewup_tests::{
    Persona,
    persona::{ban_of, crew, party, report_of, request_id},
};
use prost::Message;
use prost_types::FieldMask;

use super::scene::Scene;

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![path.into()] })
}

fn encoded(message: impl Message) -> Option<Vec<u8>> {
    Some(message.encode_to_vec())
}

/// The request of `call`, such as `event.GetEvent`, by `caller`. None: there is no row for the call.
pub(super) async fn request(call: &str, scene: &Scene<'_>, caller: &Persona) -> Option<Vec<u8>> {
    let (service, name) = call.rsplit_once('.').unwrap();
    match service {
        "event" => of_events(name, scene).await,
        "group" => of_crews(name, scene).await,
        "user" => of_people(name, scene, caller).await,
        "safety" => of_alerts(name, scene).await,
        "moderation" => of_moderation(name, scene).await,
        _ => internal(service, scene).await,
    }
}

async fn of_events(name: &str, scene: &Scene<'_>) -> Option<Vec<u8>> {
    let event_id = scene.event.clone();
    match name {
        "CreateEvent" => encoded(event::CreateEventRequest { event: Some(party(None)), request_id: request_id() }),
        "GetEvent" => encoded(event::GetEventRequest { event_id }),
        "BatchGetEvents" => encoded(event::BatchGetEventsRequest { event_ids: vec![event_id] }),
        "ListEvents" => encoded(event::ListEventsRequest::default()),
        "SearchEvents" => {
            let center = Some(LatLng { latitude: 47.0, longitude: 8.0 });
            let area = Some(event::Area { center, radius_meters: 1000 });
            encoded(event::SearchEventsRequest { area, ..Default::default() })
        }
        "UpdateEvent" => {
            let event = event::Event { id: event_id, description: "another".into(), ..Default::default() };
            encoded(event::UpdateEventRequest { event: Some(event), update_mask: mask("description") })
        }
        "CancelEvent" => encoded(event::CancelEventRequest { event_id }),
        "DeleteEvent" => {
            let event_id = scene.cast.host.create(party(None)).await.unwrap().id;
            encoded(event::DeleteEventRequest { event_id })
        }
        "SetAttendance" => {
            encoded(event::SetAttendanceRequest { event_id, status: AttendanceStatus::Interested.into() })
        }
        "ListAttendees" => encoded(event::ListAttendeesRequest { event_id, ..Default::default() }),
        "RemoveAttendee" => encoded(event::RemoveAttendeeRequest { event_id, user_id: scene.cast.friend.id().await }),
        "CreateInvitation" => encoded(event::CreateInvitationRequest {
            event_id: scene.private_event().await.into(),
            request_id: request_id(),
            ..Default::default()
        }),
        "RevokeInvitation" => {
            let create = event::CreateInvitationRequest {
                event_id: scene.private_event().await.into(),
                request_id: request_id(),
                ..Default::default()
            };
            let made = scene.cast.host.events().create_invitation(create).await.unwrap().into_inner();
            encoded(event::RevokeInvitationRequest { invitation_id: made.invitation.unwrap().id })
        }
        "ListInvitations" => {
            let event_id = scene.private_event().await.into();
            encoded(event::ListInvitationsRequest { event_id, ..Default::default() })
        }
        "AcceptInvitation" => {
            let token = scene.cast.host.link(scene.private_event().await, None).await.unwrap();
            let invitation = Some(event::accept_invitation_request::Invitation::Token(token));
            encoded(event::AcceptInvitationRequest { invitation })
        }
        "WatchEvents" => encoded(event::WatchEventsRequest::default()),
        _ => None,
    }
}

async fn of_crews(name: &str, scene: &Scene<'_>) -> Option<Vec<u8>> {
    let group_id = scene.crew.clone();
    match name {
        "CreateGroup" => {
            encoded(group::CreateGroupRequest { group: Some(crew(&scene.event, 10)), request_id: request_id() })
        }
        "GetGroup" => encoded(group::GetGroupRequest { group_id }),
        "ListGroups" => encoded(group::ListGroupsRequest { event_id: scene.event.clone(), ..Default::default() }),
        "ListMyGroups" => encoded(group::ListMyGroupsRequest::default()),
        "SearchGroups" => encoded(group::SearchGroupsRequest { query: "owls".into(), ..Default::default() }),
        "UpdateGroup" => {
            let group = group::Group { id: group_id, description: "another".into(), ..Default::default() };
            encoded(group::UpdateGroupRequest { group: Some(group), update_mask: mask("description") })
        }
        "DeleteGroup" => encoded(group::DeleteGroupRequest { group_id }),
        "JoinGroup" => encoded(group::JoinGroupRequest { group_id, ..Default::default() }),
        "LeaveGroup" => encoded(group::LeaveGroupRequest { group_id }),
        "ListMembers" => encoded(group::ListMembersRequest { group_id, ..Default::default() }),
        "UpdateMember" => {
            let user_id = scene.cast.friend.id().await;
            let member = group::Member { group_id, user_id, role: MemberRole::Admin.into(), ..Default::default() };
            encoded(group::UpdateMemberRequest { member: Some(member), update_mask: mask("role") })
        }
        "RemoveMember" => {
            encoded(group::RemoveMemberRequest { group_id, user_id: scene.cast.friend.id().await, ban: false })
        }
        "UnbanMember" => {
            scene.ban_friend().await;
            encoded(group::UnbanMemberRequest { group_id, user_id: scene.cast.friend.id().await })
        }
        "ListBannedMembers" => encoded(group::ListBannedMembersRequest { group_id, ..Default::default() }),
        "CancelJoinRequest" => {
            encoded(group::CancelJoinRequestRequest { join_request_id: scene.join_request().await.into() })
        }
        "ListJoinRequests" => {
            let group_id = scene.private_crew().await.into();
            encoded(group::ListJoinRequestsRequest { group_id, ..Default::default() })
        }
        "ApproveJoinRequest" => {
            encoded(group::ApproveJoinRequestRequest { join_request_id: scene.join_request().await.into() })
        }
        "RejectJoinRequest" => {
            encoded(group::RejectJoinRequestRequest { join_request_id: scene.join_request().await.into() })
        }
        "CreateInvitation" => {
            encoded(group::CreateInvitationRequest { group_id, request_id: request_id(), ..Default::default() })
        }
        "RevokeInvitation" => encoded(group::RevokeInvitationRequest { invitation_id: scene.crew_link().await.0.id }),
        "ListInvitations" => encoded(group::ListInvitationsRequest { group_id, ..Default::default() }),
        "AcceptInvitation" => encoded(group::AcceptInvitationRequest { token: scene.crew_link().await.1 }),
        "SendMessage" => {
            encoded(group::SendMessageRequest { group_id, content: "Hello".into(), request_id: request_id() })
        }
        "UpdateMessage" => {
            let id = scene.message().await.into();
            let message = group::Message { id, content: "Good evening".into(), ..Default::default() };
            encoded(group::UpdateMessageRequest { message: Some(message), update_mask: mask("content") })
        }
        "DeleteMessage" => encoded(group::DeleteMessageRequest { message_id: scene.message().await.into() }),
        "ListMessages" => encoded(group::ListMessagesRequest { group_id, ..Default::default() }),
        "MarkRead" => encoded(group::MarkReadRequest { group_id, sequence: 1 }),
        "SendTyping" => encoded(group::SendTypingRequest { group_id }),
        "StreamGroup" => encoded(group::StreamGroupRequest { group_id, ..Default::default() }),
        _ => None,
    }
}

async fn of_people(name: &str, scene: &Scene<'_>, caller: &Persona) -> Option<Vec<u8>> {
    let host = scene.cast.host.id().await;
    match name {
        "GetMe" => encoded(user::GetMeRequest {}),
        "UpdateMe" => {
            let profile = user::Profile { bio: "another".into(), ..Default::default() };
            encoded(user::UpdateMeRequest { profile: Some(profile), update_mask: mask("bio") })
        }
        "GetUser" => encoded(user::GetUserRequest { user_id: host }),
        "BatchGetUsers" => encoded(user::BatchGetUsersRequest { user_ids: vec![host] }),
        "SearchUsers" => encoded(user::SearchUsersRequest { query: "host".into(), ..Default::default() }),
        "BlockUser" => encoded(user::BlockUserRequest { user_id: scene.cast.victim.id().await }),
        "UnblockUser" => encoded(user::UnblockUserRequest { user_id: scene.cast.victim.id().await }),
        "ListBlockedUsers" => encoded(user::ListBlockedUsersRequest::default()),
        "DeactivateMe" => encoded(user::DeactivateMeRequest {}),
        "ReactivateMe" => encoded(user::ReactivateMeRequest {}),
        "EraseMe" => encoded(user::EraseMeRequest { user_id: caller.id().await }),
        "ExportMe" => encoded(user::ExportMeRequest {}),
        "CreateRating" => encoded(user::CreateRatingRequest {
            rated_user_id: host,
            event_id: scene.over().await,
            rating: 5,
            comment: String::new(),
            request_id: request_id(),
        }),
        "DeleteRating" => encoded(user::DeleteRatingRequest { rating_id: scene.rating().await.1.clone() }),
        "ListRatings" => encoded(user::ListRatingsRequest { user_id: host, ..Default::default() }),
        "GetReputation" => encoded(user::GetReputationRequest { user_id: host }),
        "ListRatableUsers" => encoded(user::ListRatableUsersRequest::default()),
        "SyncUsers" => encoded(user::SyncUsersRequest { dry_run: true, ..Default::default() }),
        _ => None,
    }
}

async fn of_alerts(name: &str, scene: &Scene<'_>) -> Option<Vec<u8>> {
    match name {
        "TriggerAlert" => encoded(safety::TriggerAlertRequest {
            group_ids: vec![scene.crew.clone()],
            request_id: request_id(),
            ..Default::default()
        }),
        "GetAlert" => encoded(safety::GetAlertRequest { alert_id: scene.alert().await.into() }),
        "ListAlerts" => encoded(safety::ListAlertsRequest::default()),
        "UpdateAlert" => {
            let alert = safety::Alert {
                id: scene.alert().await.into(),
                r#type: AlertType::Medical.into(),
                ..Default::default()
            };
            encoded(safety::UpdateAlertRequest { alert: Some(alert), update_mask: mask("type") })
        }
        "AcknowledgeAlert" => encoded(safety::AcknowledgeAlertRequest {
            alert_id: scene.alert().await.into(),
            r#type: AcknowledgementType::Seen.into(),
        }),
        "ResolveAlert" => {
            encoded(safety::ResolveAlertRequest { alert_id: scene.alert().await.into(), reason: "All is well".into() })
        }
        "WatchAlerts" => encoded(safety::WatchAlertsRequest::default()),
        _ => None,
    }
}

async fn of_moderation(name: &str, scene: &Scene<'_>) -> Option<Vec<u8>> {
    match name {
        "BanUser" => encoded(ban_of(&scene.nobody("victim").await.id().await)),
        "UnbanUser" => encoded(moderation::UnbanUserRequest { user_id: scene.banned().await.into() }),
        "GetBan" => encoded(moderation::GetBanRequest { ban_id: scene.appeal().await.1.clone() }),
        "ListBans" => encoded(moderation::ListBansRequest::default()),
        "ListLogEntries" => encoded(moderation::ListLogEntriesRequest::default()),
        "GetMyBan" => encoded(moderation::GetMyBanRequest {}),
        "AppealBan" => encoded(moderation::AppealBanRequest { text: "It was not me".into(), request_id: request_id() }),
        "ListAppeals" => encoded(moderation::ListAppealsRequest::default()),
        "DecideAppeal" => encoded(moderation::DecideAppealRequest {
            appeal_id: scene.appeal().await.0.clone(),
            decision: Decision::Grant.into(),
            answer: "Sorry".into(),
        }),
        "CreateReport" => encoded(report_of(Object::EventId(scene.event.clone()))),
        "ListReports" => encoded(moderation::ListReportsRequest::default()),
        "ClaimReport" => encoded(moderation::ClaimReportRequest { report_id: scene.report().await.into() }),
        "ResolveReport" => encoded(moderation::ResolveReportRequest {
            report_id: scene.report().await.into(),
            resolution: resolve_report_request::Resolution::Acted.into(),
            internal_note: String::new(),
        }),
        _ => None,
    }
}

async fn internal(service: &str, scene: &Scene<'_>) -> Option<Vec<u8>> {
    match service {
        "user.internal.EnsureUser" => encoded(user_internal::EnsureUserRequest {}),
        "user.internal" => {
            let object = user_internal::describe_object_request::Object::UserId(scene.cast.host.id().await);
            encoded(user_internal::DescribeObjectRequest { object: Some(object) })
        }
        "event.internal" => encoded(event_internal::DescribeObjectRequest { event_id: scene.event.clone() }),
        "group.internal" => {
            let object = group_internal::describe_object_request::Object::GroupId(scene.crew.clone());
            encoded(group_internal::DescribeObjectRequest { object: Some(object) })
        }
        "safety.internal" => encoded(safety_internal::DescribeObjectRequest { alert_id: scene.alert().await.into() }),
        _ => None,
    }
}
