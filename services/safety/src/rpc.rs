//! The dispatch tables: one line for each call.

use crewup_proto::{
    crewup::safety::internal::v1::{
        DescribeObjectRequest, DescribeObjectResponse, safety_internal_service_server::SafetyInternalService,
    },
    safety::{safety_service_server::SafetyService, *},
};
use crewup_shared::{app::App, live::Streamed};
use tonic::{Request, Response, Status};

use crate::{
    alerts, describe, lists, trigger,
    watch::{self, At, Deliveries},
};

/// The safety service's calls.
pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) deliveries: Deliveries,
}

/// The calls that only services make.
pub(crate) struct InternalRpc(pub(crate) App);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SafetyService for Rpc {
    async fn trigger_alert(&self, req: Request<TriggerAlertRequest>) -> Answer<TriggerAlertResponse> {
        self.app.write(req, trigger::trigger).await
    }

    async fn get_alert(&self, req: Request<GetAlertRequest>) -> Answer<GetAlertResponse> {
        self.app.read(req, lists::get).await
    }

    async fn list_alerts(&self, req: Request<ListAlertsRequest>) -> Answer<ListAlertsResponse> {
        self.app.read(req, lists::list).await
    }

    async fn update_alert(&self, req: Request<UpdateAlertRequest>) -> Answer<UpdateAlertResponse> {
        self.app.write(req, alerts::update).await
    }

    async fn acknowledge_alert(&self, req: Request<AcknowledgeAlertRequest>) -> Answer<AcknowledgeAlertResponse> {
        self.app.write(req, alerts::acknowledge).await
    }

    async fn resolve_alert(&self, req: Request<ResolveAlertRequest>) -> Answer<ResolveAlertResponse> {
        self.app.write(req, alerts::resolve).await
    }

    async fn watch_alerts(&self, req: Request<WatchAlertsRequest>) -> Answer<Streamed<WatchAlertsResponse>> {
        let deliveries = self.deliveries.clone();
        self.app.stream(req.map(|request| At { request, deliveries }), watch::open).await
    }
}

#[tonic::async_trait]
impl SafetyInternalService for InternalRpc {
    async fn describe_object(&self, req: Request<DescribeObjectRequest>) -> Answer<DescribeObjectResponse> {
        self.0.read(req, describe::alert).await
    }
}
