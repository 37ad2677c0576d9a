//! The dispatch tables: one line for each call.

use crewup_proto::{
    crewup::user::internal::v1::{
        DescribeObjectRequest, DescribeObjectResponse, EnsureUserRequest, EnsureUserResponse,
        user_internal_service_server::UserInternalService,
    },
    user::{user_service_server::UserService, *},
};
use crewup_shared::{app::App, error::Error, live::Streamed, standing};
use tonic::{Request, Response, Status};

use crate::{
    accounts, accounts::LocalAccounts, blocks, describe, erase, export, me, people, ratings, sync, sync::UserSync,
};

/// The user service's calls.
pub(crate) struct Rpc(pub(crate) App, pub(crate) Option<UserSync>);

/// The calls that only services make.
pub(crate) struct InternalRpc {
    pub(crate) app: App,
    /// For EnsureUser: before it, there may be nobody to read as or to enter.
    pub(crate) accounts: LocalAccounts,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl UserService for Rpc {
    async fn get_me(&self, req: Request<GetMeRequest>) -> Answer<GetMeResponse> {
        self.0.read(req, me::get).await
    }

    async fn update_me(&self, req: Request<UpdateMeRequest>) -> Answer<UpdateMeResponse> {
        self.0.write(req, me::update).await
    }

    async fn get_user(&self, req: Request<GetUserRequest>) -> Answer<GetUserResponse> {
        self.0.read(req, people::get).await
    }

    async fn batch_get_users(&self, req: Request<BatchGetUsersRequest>) -> Answer<BatchGetUsersResponse> {
        self.0.read(req, people::batch_get).await
    }

    async fn search_users(&self, req: Request<SearchUsersRequest>) -> Answer<SearchUsersResponse> {
        self.0.read(req, people::search).await
    }

    async fn block_user(&self, req: Request<BlockUserRequest>) -> Answer<BlockUserResponse> {
        self.0.write_on(req, |req| vec![&req.user_id], blocks::block).await
    }

    async fn unblock_user(&self, req: Request<UnblockUserRequest>) -> Answer<UnblockUserResponse> {
        self.0.write(req, blocks::unblock).await
    }

    async fn list_blocked_users(&self, req: Request<ListBlockedUsersRequest>) -> Answer<ListBlockedUsersResponse> {
        self.0.read(req, blocks::list).await
    }

    async fn deactivate_me(&self, req: Request<DeactivateMeRequest>) -> Answer<DeactivateMeResponse> {
        self.0.write(req, me::deactivate).await
    }

    async fn reactivate_me(&self, req: Request<ReactivateMeRequest>) -> Answer<ReactivateMeResponse> {
        self.0.write(req, me::reactivate).await
    }

    async fn erase_me(&self, req: Request<EraseMeRequest>) -> Answer<EraseMeResponse> {
        let erased = self.0.write(req, erase::erase).await;
        // Also for a second time: the first answer may have been lost before it was time.
        if erased.is_ok() {
            standing::known_everywhere().await;
        }
        erased
    }

    async fn export_me(&self, req: Request<ExportMeRequest>) -> Answer<Streamed<ExportMeResponse>> {
        self.0.snapshot(req, export::EVERYTHING, export::row).await
    }

    async fn create_rating(&self, req: Request<CreateRatingRequest>) -> Answer<CreateRatingResponse> {
        self.0.write_on(req, |req| vec![&req.rated_user_id], ratings::create).await
    }

    async fn delete_rating(&self, req: Request<DeleteRatingRequest>) -> Answer<DeleteRatingResponse> {
        self.0.write_found(req, ratings::rated, ratings::delete).await
    }

    async fn list_ratings(&self, req: Request<ListRatingsRequest>) -> Answer<ListRatingsResponse> {
        self.0.read(req, ratings::list).await
    }

    async fn get_reputation(&self, req: Request<GetReputationRequest>) -> Answer<GetReputationResponse> {
        self.0.read(req, ratings::reputation).await
    }

    async fn list_ratable_users(&self, req: Request<ListRatableUsersRequest>) -> Answer<ListRatableUsersResponse> {
        self.0.read(req, ratings::list_ratable).await
    }

    async fn sync_users(&self, req: Request<SyncUsersRequest>) -> Answer<Streamed<SyncUsersResponse>> {
        self.0.stream(sync::called::with(req, self.1.as_ref()), sync::called::open).await
    }
}

#[tonic::async_trait]
impl UserInternalService for InternalRpc {
    async fn ensure_user(&self, req: Request<EnsureUserRequest>) -> Answer<EnsureUserResponse> {
        accounts::ensure_user(&self.accounts, req).await.map(Response::new).map_err(Error::into_status)
    }

    async fn describe_object(&self, req: Request<DescribeObjectRequest>) -> Answer<DescribeObjectResponse> {
        self.app.read(req, describe::describe).await
    }
}
