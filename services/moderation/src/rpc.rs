//! The dispatch table: one line for each call.

use crewup_proto::moderation::{moderation_service_server::ModerationService, *};
use crewup_shared::{app::App, standing};
use tonic::{Request, Response, Status};

use crate::{appeals, bans, describe, log, reports};

/// The moderation service's calls.
pub(crate) struct Rpc(pub(crate) App);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ModerationService for Rpc {
    async fn ban_user(&self, req: Request<BanUserRequest>) -> Answer<BanUserResponse> {
        let banned = self.0.write_on(req, |req| vec![&req.user_id], bans::ban).await;
        // Also for a replay: the first answer may have been lost before it was time.
        if banned.is_ok() {
            standing::known_everywhere().await;
        }
        banned
    }

    async fn unban_user(&self, req: Request<UnbanUserRequest>) -> Answer<UnbanUserResponse> {
        self.0.write_on(req, |req| vec![&req.user_id], bans::unban).await
    }

    async fn get_ban(&self, req: Request<GetBanRequest>) -> Answer<GetBanResponse> {
        self.0.read(req, bans::get).await
    }

    async fn list_bans(&self, req: Request<ListBansRequest>) -> Answer<ListBansResponse> {
        self.0.read(req, bans::list).await
    }

    async fn list_log_entries(&self, req: Request<ListLogEntriesRequest>) -> Answer<ListLogEntriesResponse> {
        self.0.read(req, log::list).await
    }

    async fn get_my_ban(&self, req: Request<GetMyBanRequest>) -> Answer<GetMyBanResponse> {
        self.0.read(req, bans::get_mine).await
    }

    async fn appeal_ban(&self, req: Request<AppealBanRequest>) -> Answer<AppealBanResponse> {
        self.0.write(req, appeals::create).await
    }

    async fn list_appeals(&self, req: Request<ListAppealsRequest>) -> Answer<ListAppealsResponse> {
        self.0.read(req, appeals::list).await
    }

    async fn decide_appeal(&self, req: Request<DecideAppealRequest>) -> Answer<DecideAppealResponse> {
        self.0.write_found(req, appeals::appellant, appeals::decide).await
    }

    async fn create_report(&self, req: Request<CreateReportRequest>) -> Answer<CreateReportResponse> {
        self.0.write_told(req, describe::ask, reports::create).await
    }

    async fn list_reports(&self, req: Request<ListReportsRequest>) -> Answer<ListReportsResponse> {
        self.0.read(req, reports::list).await
    }

    async fn claim_report(&self, req: Request<ClaimReportRequest>) -> Answer<ClaimReportResponse> {
        self.0.write(req, reports::claim).await
    }

    async fn resolve_report(&self, req: Request<ResolveReportRequest>) -> Answer<ResolveReportResponse> {
        self.0.write(req, reports::resolve).await
    }
}
