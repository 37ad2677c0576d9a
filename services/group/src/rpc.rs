//! The dispatch tables: one line for each call.

use crewup_proto::{
    crewup::group::internal::v1::{
        DescribeObjectRequest, DescribeObjectResponse, group_internal_service_server::GroupInternalService,
    },
    group::{group_service_server::GroupService, *},
};
use crewup_shared::{
    app::{App, Company},
    live::Streamed,
};
use tonic::{Request, Response, Status};

use crate::{
    crews, describe, invitations, joins, lists, members, messages,
    rooms::Rooms,
    stream::{self, At},
};

/// The group service's calls.
pub(crate) struct Rpc {
    app: App,
    rooms: Rooms,
    sends: Company<SendMessageRequest, SendMessageResponse>,
}

impl Rpc {
    pub(crate) fn new(app: &App, rooms: Rooms) -> Self {
        Self { app: app.clone(), rooms, sends: Company::default() }
    }

    fn at<Req>(&self, request: Request<Req>) -> Request<At<Req>> {
        request.map(|request| At { request, rooms: self.rooms.clone() })
    }
}

/// The calls that only services make.
pub(crate) struct InternalRpc(pub(crate) App);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl GroupService for Rpc {
    async fn create_group(&self, req: Request<CreateGroupRequest>) -> Answer<CreateGroupResponse> {
        self.app.write(req, crews::create).await
    }

    async fn get_group(&self, req: Request<GetGroupRequest>) -> Answer<GetGroupResponse> {
        self.app.read(req, lists::get).await
    }

    async fn list_groups(&self, req: Request<ListGroupsRequest>) -> Answer<ListGroupsResponse> {
        self.app.read(req, lists::of_event).await
    }

    async fn list_my_groups(&self, req: Request<ListMyGroupsRequest>) -> Answer<ListMyGroupsResponse> {
        self.app.read(req, lists::of_caller).await
    }

    async fn search_groups(&self, req: Request<SearchGroupsRequest>) -> Answer<SearchGroupsResponse> {
        self.app.read(req, lists::search).await
    }

    async fn update_group(&self, req: Request<UpdateGroupRequest>) -> Answer<UpdateGroupResponse> {
        self.app.write(req, crews::update).await
    }

    async fn delete_group(&self, req: Request<DeleteGroupRequest>) -> Answer<DeleteGroupResponse> {
        self.app.write(req, crews::delete).await
    }

    async fn join_group(&self, req: Request<JoinGroupRequest>) -> Answer<JoinGroupResponse> {
        self.app.write(req, joins::join).await
    }

    async fn leave_group(&self, req: Request<LeaveGroupRequest>) -> Answer<LeaveGroupResponse> {
        self.app.write(req, members::leave).await
    }

    async fn list_members(&self, req: Request<ListMembersRequest>) -> Answer<ListMembersResponse> {
        self.app.read(req, members::list).await
    }

    async fn update_member(&self, req: Request<UpdateMemberRequest>) -> Answer<UpdateMemberResponse> {
        self.app.write_on(req, |req| req.member.iter().map(|member| &*member.user_id).collect(), members::update).await
    }

    async fn remove_member(&self, req: Request<RemoveMemberRequest>) -> Answer<RemoveMemberResponse> {
        self.app.write_on(req, |req| vec![&req.user_id], members::remove).await
    }

    async fn unban_member(&self, req: Request<UnbanMemberRequest>) -> Answer<UnbanMemberResponse> {
        self.app.write_on(req, |req| vec![&req.user_id], members::unban).await
    }

    async fn list_banned_members(&self, req: Request<ListBannedMembersRequest>) -> Answer<ListBannedMembersResponse> {
        self.app.read(req, members::list_banned).await
    }

    async fn cancel_join_request(&self, req: Request<CancelJoinRequestRequest>) -> Answer<CancelJoinRequestResponse> {
        self.app.write(req, joins::cancel).await
    }

    async fn list_join_requests(&self, req: Request<ListJoinRequestsRequest>) -> Answer<ListJoinRequestsResponse> {
        self.app.read(req, joins::list).await
    }

    async fn approve_join_request(
        &self,
        req: Request<ApproveJoinRequestRequest>,
    ) -> Answer<ApproveJoinRequestResponse> {
        self.app.write_found(req, joins::who_asked, joins::approve).await
    }

    async fn reject_join_request(&self, req: Request<RejectJoinRequestRequest>) -> Answer<RejectJoinRequestResponse> {
        self.app.write(req, joins::reject).await
    }

    async fn create_invitation(&self, req: Request<CreateInvitationRequest>) -> Answer<CreateInvitationResponse> {
        self.app.write(req, invitations::create).await
    }

    async fn revoke_invitation(&self, req: Request<RevokeInvitationRequest>) -> Answer<RevokeInvitationResponse> {
        self.app.write(req, invitations::revoke).await
    }

    async fn list_invitations(&self, req: Request<ListInvitationsRequest>) -> Answer<ListInvitationsResponse> {
        self.app.read(req, invitations::list).await
    }

    async fn accept_invitation(&self, req: Request<AcceptInvitationRequest>) -> Answer<AcceptInvitationResponse> {
        self.app.write(req, joins::accept).await
    }

    async fn send_message(&self, req: Request<SendMessageRequest>) -> Answer<SendMessageResponse> {
        self.app.write_in_company(&self.sends, req, messages::send_together, messages::send).await
    }

    async fn update_message(&self, req: Request<UpdateMessageRequest>) -> Answer<UpdateMessageResponse> {
        self.app.write(req, messages::update).await
    }

    async fn delete_message(&self, req: Request<DeleteMessageRequest>) -> Answer<DeleteMessageResponse> {
        self.app.write(req, messages::delete).await
    }

    async fn list_messages(&self, req: Request<ListMessagesRequest>) -> Answer<ListMessagesResponse> {
        self.app.read(req, messages::list).await
    }

    async fn stream_group(&self, req: Request<StreamGroupRequest>) -> Answer<Streamed<StreamGroupResponse>> {
        self.app.stream(self.at(req), stream::open).await
    }

    async fn send_typing(&self, req: Request<SendTypingRequest>) -> Answer<SendTypingResponse> {
        self.app.read(self.at(req), stream::send_typing).await
    }

    async fn mark_read(&self, req: Request<MarkReadRequest>) -> Answer<MarkReadResponse> {
        self.app.write(req, messages::mark_read).await
    }
}

#[tonic::async_trait]
impl GroupInternalService for InternalRpc {
    async fn describe_object(&self, req: Request<DescribeObjectRequest>) -> Answer<DescribeObjectResponse> {
        self.0.read(req, describe::describe).await
    }
}
