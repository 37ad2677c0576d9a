//! The dispatch table: one line for each call.

use crewup_proto::{
    crewup::event::internal::v1::{
        DescribeObjectRequest, DescribeObjectResponse, event_internal_service_server::EventInternalService,
    },
    event::{event_service_server::EventService, *},
};
use crewup_shared::{
    app::{App, Gathering, Meeting},
    live::Streamed,
};
use tonic::{Request, Response, Status};

use crate::{attendance, describe, events, invitations, lists, search, watch};

/// The event service's calls.
pub(crate) struct Rpc {
    app: App,
    reads: Gathering<GetEventRequest, GetEventResponse>,
    answers: Meeting<SetAttendanceRequest, SetAttendanceResponse>,
}

impl Rpc {
    pub(crate) fn new(app: &App) -> Self {
        Self { app: app.clone(), reads: Gathering::default(), answers: Meeting::default() }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EventService for Rpc {
    async fn create_event(&self, req: Request<CreateEventRequest>) -> Answer<CreateEventResponse> {
        self.app.write(req, events::create).await
    }

    async fn get_event(&self, req: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        self.app.read_together(&self.reads, req, lists::get).await
    }

    async fn batch_get_events(&self, req: Request<BatchGetEventsRequest>) -> Answer<BatchGetEventsResponse> {
        self.app.read(req, lists::batch_get).await
    }

    async fn list_events(&self, req: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        self.app.read(req, lists::list).await
    }

    async fn search_events(&self, req: Request<SearchEventsRequest>) -> Answer<SearchEventsResponse> {
        self.app.read(req, search::search).await
    }

    async fn update_event(&self, req: Request<UpdateEventRequest>) -> Answer<UpdateEventResponse> {
        self.app.write(req, events::update).await
    }

    async fn cancel_event(&self, req: Request<CancelEventRequest>) -> Answer<CancelEventResponse> {
        self.app.write(req, events::cancel).await
    }

    async fn delete_event(&self, req: Request<DeleteEventRequest>) -> Answer<DeleteEventResponse> {
        self.app.write(req, events::delete).await
    }

    async fn set_attendance(&self, req: Request<SetAttendanceRequest>) -> Answer<SetAttendanceResponse> {
        self.app.write_together(&self.answers, |req| &req.event_id, req, attendance::set).await
    }

    async fn list_attendees(&self, req: Request<ListAttendeesRequest>) -> Answer<ListAttendeesResponse> {
        self.app.read(req, attendance::list).await
    }

    async fn remove_attendee(&self, req: Request<RemoveAttendeeRequest>) -> Answer<RemoveAttendeeResponse> {
        self.app.write_on(req, |req| vec![&req.user_id], attendance::remove).await
    }

    async fn create_invitation(&self, req: Request<CreateInvitationRequest>) -> Answer<CreateInvitationResponse> {
        self.app.write_on(req, |req| vec![&req.invitee_id], invitations::create).await
    }

    async fn revoke_invitation(&self, req: Request<RevokeInvitationRequest>) -> Answer<RevokeInvitationResponse> {
        self.app.write(req, invitations::revoke).await
    }

    async fn list_invitations(&self, req: Request<ListInvitationsRequest>) -> Answer<ListInvitationsResponse> {
        self.app.read(req, invitations::list).await
    }

    async fn accept_invitation(&self, req: Request<AcceptInvitationRequest>) -> Answer<AcceptInvitationResponse> {
        self.app.write(req, invitations::accept).await
    }

    async fn watch_events(&self, req: Request<WatchEventsRequest>) -> Answer<Streamed<WatchEventsResponse>> {
        self.app.stream(req, watch::open).await
    }
}

#[tonic::async_trait]
impl EventInternalService for Rpc {
    async fn describe_object(&self, req: Request<DescribeObjectRequest>) -> Answer<DescribeObjectResponse> {
        self.app.read(req, describe::describe).await
    }
}
