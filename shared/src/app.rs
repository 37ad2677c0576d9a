//! The unit of work: one call, one connection, at most one transaction, and who calls.
//!
//! A handler is an `async fn` item over [`ReadCx`] or [`WriteCx`]. It never begins, commits or retries; it is run again
//! from the start if PostgreSQL asks for that, so it has no effect but through its context.

mod company;
mod sharing;
mod tx;

use std::{future::Future, ops::Deref, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use crewup_proto::call::{Call, Standing};
use futures_util::future::BoxFuture;
use prost::{Message, Name};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    auth::{Identity, Role},
    db::{Db, Lease},
    error::{Error, ErrorReason, Result},
    id::UserId,
    idempotency::{self, Once},
    live::{Live, StreamLimits},
    outbox,
    peer::Peers,
    snapshot::Snapshots,
    standing::{self, Standings},
};

pub use company::Company;
pub use sharing::{Asked, Batch, Gathering, Meeting};
pub use tx::Tx;

/// Runs of a transaction that PostgreSQL or the network broke off: the first and three more (X6).
const RUNS: u32 = 4;

/// Finds the profile behind an identity, making or synchronising it first (U1, U2).
pub trait Accounts: Send + Sync {
    /// The person's id. Called once for each token that this process does not remember, outside of any transaction.
    fn ensure<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Result<UserId>>;
}

/// What the layers in front know about a call; travels in the request's extensions.
#[derive(Clone)]
pub struct Context {
    /// The verified token's content.
    pub identity: Arc<Identity>,
    /// For calls between services: the person on whose behalf the service calls.
    pub on_behalf: Option<Arc<Identity>>,
    /// What the contract says about the call.
    pub call: &'static Call,
}

impl Context {
    /// The person who calls, or on whose behalf another service does.
    pub fn person(&self) -> &Identity {
        self.on_behalf.as_ref().unwrap_or(&self.identity)
    }
}

/// A person who makes a call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The profile's id.
    pub id: UserId,
    /// By a verified token (M1).
    pub role: Role,
    /// Read inside the transaction for a write, at most a second old for a read.
    pub standing: Standing,
}

/// Everything that handlers need, shared by all calls of a process. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What there is once for a process.
pub struct Parts {
    db: Db,
    /// For urgent calls; the same where a service has none.
    urgent: Db,
    accounts: Arc<dyn Accounts>,
    peers: Arc<Peers>,
    standings: Standings,
    snapshots: Snapshots,
    live: Live,
    stream_limits: StreamLimits,
    wake: outbox::Wake,
}

/// A handler: what an `async fn(&mut Cx, &Req) -> Result<Res>` is. (Async closures do not satisfy its `Send` bound.)
pub trait Handler<'a, Cx: 'a, Req: 'a, Res>: Fn(&'a mut Cx, &'a Req) -> Self::Run + Send + Sync {
    /// The running handler.
    type Run: Future<Output = Result<Res>> + Send + 'a;
}

impl<'a, F, Run, Cx: 'a, Req: 'a, Res> Handler<'a, Cx, Req, Res> for F
where
    F: Fn(&'a mut Cx, &'a Req) -> Run + Send + Sync,
    Run: Future<Output = Result<Res>> + Send + 'a,
{
    type Run = Run;
}

/// A request with what other services say of it, or why they do not.
pub struct Told<Req, T> {
    /// What the caller sent.
    pub request: Req,
    /// What was asked. A handler that fails for it may be run again, and says [`Error::same`].
    pub told: Result<T>,
}

/// Asks other services before a transaction: what an `async fn(&Peers, &Identity, &Req) -> Result<T>` is.
pub trait Ask<'a, Req: 'a, T>: Fn(&'a Peers, &'a Identity, &'a Req) -> Self::Run + Send + Sync {
    /// The running question.
    type Run: Future<Output = Result<T>> + Send + 'a;
}

impl<'a, F, Run, Req: 'a, T> Ask<'a, Req, T> for F
where
    F: Fn(&'a Peers, &'a Identity, &'a Req) -> Run + Send + Sync,
    Run: Future<Output = Result<T>> + Send + 'a,
{
    type Run = Run;
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(
        db: Db,
        urgent: Db,
        accounts: Arc<dyn Accounts>,
        peers: Arc<Peers>,
        live: Live,
        stream_limits: StreamLimits,
    ) -> Self {
        let (standings, snapshots, wake) = (Standings::new(), Snapshots::new(), outbox::Wake::new(live.clone()));
        Self(Arc::new(Parts { db, urgent, accounts, peers, standings, snapshots, live, stream_limits, wake }))
    }

    /// The pool, for readiness and the workers.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Runs a handler that changes nothing: no transaction, one connection.
    pub async fn read<Req, Res, F>(
        &self,
        request: Request<Req>,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        F: for<'a> Handler<'a, ReadCx, Req, Res>,
    {
        self.reading(request, handler).await.map(Response::new).map_err(Error::into_status)
    }

    /// Runs a handler in a transaction that has entered the caller (X6).
    pub async fn write<Req, Res, F>(
        &self,
        request: Request<Req>,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        F: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        self.write_on(request, |_| Vec::new(), handler).await
    }

    /// As [`App::write`], entering also the people that the call acts on. `others` reads them from the request;
    /// what is not a UUID is left out, for the handler to refuse.
    pub async fn write_on<Req, Res, F>(
        &self,
        request: Request<Req>,
        others: fn(&Req) -> Vec<&str>,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        F: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        self.writing(request, others, handler).await.map(Response::new).map_err(Error::into_status)
    }

    /// As [`App::write_on`], for a call whose request names an object and not the people whom it acts on: `find` reads them
    /// from the object's row before the transaction, for people are entered first and all at once (X6). The handler loads
    /// the object again; whose it is must be what never changes of it. Who is not found is not entered.
    pub async fn write_found<Req, Res, L, F>(
        &self,
        request: Request<Req>,
        find: L,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        L: for<'a> Handler<'a, PgConnection, Req, Option<UserId>>,
        F: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        let done = async {
            let (context, id, request) = self.identify(request).await?;
            let found = self.found(&request, find).await?;
            self.entered(context, id, found.into_iter().map(Uuid::from).collect(), request, handler).await
        };
        done.await.map(Response::new).map_err(Error::into_status)
    }

    /// As [`App::write`], for a handler that needs what other services say: `ask` asks them before the transaction, for no
    /// call is made while one is open. The handler gets the request with the answer, or with why there is none.
    pub async fn write_told<Req, T, Res, A, F>(
        &self,
        mut request: Request<Req>,
        ask: A,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        A: for<'a> Ask<'a, Req, T>,
        F: for<'a> Handler<'a, WriteCx, Told<Req, T>, Res>,
    {
        let context = request.extensions_mut().remove::<Context>();
        let told = match &context {
            Some(context) => ask(&self.peers, context.person(), request.get_ref()).await,
            None => Err(Error::internal("a call came past the layers")),
        };
        let mut request = request.map(|request| Told { request, told });
        if let Some(context) = context {
            request.extensions_mut().insert(context);
        }
        self.writing(request, |_| Vec::new(), handler).await.map(Response::new).map_err(Error::into_status)
    }

    async fn reading<Req, Res, F>(&self, request: Request<Req>, handler: F) -> Result<Res>
    where
        F: for<'a> Handler<'a, ReadCx, Req, Res>,
    {
        let (context, id, request) = self.identify(request).await?;
        Ok(self.read_as(&context, id, &request, handler).await?.1)
    }

    /// Runs a reading handler for a person who is known, again where the connection breaks.
    pub(crate) async fn read_as<Req, Res, F>(
        &self,
        context: &Context,
        id: UserId,
        request: &Req,
        handler: F,
    ) -> Result<(Caller, Res)>
    where
        F: for<'a> Handler<'a, ReadCx, Req, Res>,
    {
        let mut run = 1;
        loop {
            let mut lease = self.db.lease().await?;
            let done = async {
                let standing = self.standings.get(&mut lease, id).await?;
                if let Err(refused) = standing::admit(standing, context.call) {
                    return Ok((Err(refused), lease));
                }
                let caller = Caller { id, role: context.person().role, standing };
                let mut cx = ReadCx { lease, caller, live: self.live.clone() };
                let done = handler(&mut cx, request).await;
                Ok((done.map(|res| (cx.caller, res)), cx.lease))
            };
            match done.await {
                Ok((Ok(res), lease)) => {
                    lease.back();
                    return Ok(res);
                }
                Ok((Err(error), lease)) if !error.is_retryable() => {
                    lease.back();
                    return Err(error);
                }
                Ok((Err(error), _)) | Err(error) => again(&self.db, error, &mut run).await?,
            }
        }
    }

    async fn writing<Req, Res, F>(
        &self,
        request: Request<Req>,
        others: fn(&Req) -> Vec<&str>,
        handler: F,
    ) -> Result<Res>
    where
        F: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        let (context, id, request) = self.identify(request).await?;
        let people = others(&request).into_iter().filter_map(|id| Uuid::try_parse(id).ok()).collect();
        self.entered(context, id, people, request, handler).await
    }

    async fn found<Req, L>(&self, request: &Req, find: L) -> Result<Option<UserId>>
    where
        L: for<'a> Handler<'a, PgConnection, Req, Option<UserId>>,
    {
        let mut run = 1;
        loop {
            let once = async {
                let mut lease = self.db.lease().await?;
                let found = find(&mut lease, request).await?;
                lease.back();
                Ok(found)
            };
            match once.await {
                Ok(found) => return Ok(found),
                Err(error) => again(&self.db, error, &mut run).await?,
            }
        }
    }

    /// The transaction of a write, run again where PostgreSQL breaks it off. `people` are those beside the caller.
    async fn entered<Req, Res, F>(
        &self,
        context: Context,
        id: UserId,
        mut people: Vec<Uuid>,
        request: Req,
        handler: F,
    ) -> Result<Res>
    where
        F: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        people.insert(0, id.0);
        let db = if context.call.urgent { &self.urgent } else { &self.db };
        let mut run = 1;
        loop {
            let once = async {
                let tx = Tx::begin(db, &people).await?;
                let standing = tx.standing(id).unwrap_or(Standing::Erased);
                standing::admit(standing, context.call)?;
                let caller = Caller { id, role: context.person().role, standing };
                let mut cx = WriteCx { tx, caller, call: context.call };
                let res = handler(&mut cx, &request).await?;
                cx.tx.commit(&self.wake).await?;
                Ok(res)
            };
            match once.await {
                Ok(res) => return Ok(res),
                Err(error) => again(db, error, &mut run).await?,
            }
        }
    }

    /// Who watches in this process.
    pub fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn stream_limits(&self) -> &StreamLimits {
        &self.stream_limits
    }

    /// Whom to wake after a commit.
    pub fn wake(&self) -> &outbox::Wake {
        &self.wake
    }

    pub(crate) fn standings(&self) -> &Standings {
        &self.standings
    }

    pub(crate) fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Who calls, or on whose behalf another service does.
    pub(crate) async fn identify<Req>(&self, mut request: Request<Req>) -> Result<(Context, UserId, Req)> {
        let context = request
            .extensions_mut()
            .remove::<Context>()
            .ok_or_else(|| Error::internal("a call came past the layers"))?;
        let identity = context.person();
        let id = *identity.user.get_or_try_init(|| self.accounts.ensure(identity)).await?;
        Ok((context, id, request.into_inner()))
    }
}

/// Waits a little before another run, or gives the error back: it cannot be mended so, or was tried enough. Runs are
/// counted from 1.
pub async fn again(db: &Db, error: Error, run: &mut u32) -> Result<()> {
    if error.reason() == ErrorReason::DependencyUnavailable {
        db.forget();
    }
    if !error.is_retryable() || *run >= RUNS {
        return Err(error);
    }
    let jitter = rand::random_range(1..=10 * u64::from(*run));
    tokio::time::sleep(Duration::from_millis(jitter)).await;
    *run += 1;
    Ok(())
}

/// What a reading handler has.
pub struct ReadCx {
    lease: Lease,
    live: Live,
    /// Who calls.
    pub caller: Caller,
}

impl ReadCx {
    /// The connection, for store functions.
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.lease
    }

    /// Who watches in this process: to watch, or to tell of what is written nowhere.
    pub fn live(&self) -> &Live {
        &self.live
    }
}

/// What a writing handler has.
pub struct WriteCx {
    /// The open transaction.
    pub tx: Tx,
    /// Who calls.
    pub caller: Caller,
    call: &'static Call,
}

impl WriteCx {
    /// The connection, for store functions.
    pub fn db(&mut self) -> &mut PgConnection {
        self.tx.db()
    }

    /// The transaction's time: `crewup.now()` (E4).
    pub fn now(&self) -> DateTime<Utc> {
        self.tx.now
    }

    /// Makes sure that the call creates `made` only once (X1).
    pub async fn once<R: Message + Name>(&mut self, request_id: Uuid, request: &R, made: Uuid) -> Result<Once> {
        idempotency::once(self.tx.db(), self.caller.id, self.call.path, request_id, request, made).await
    }

    /// Corrects what [`WriteCx::once`] was told: the call led to `made`, which was there already.
    pub async fn made(&mut self, request_id: Uuid, made: Uuid) -> Result<()> {
        idempotency::correct(self.tx.db(), self.caller.id, self.call.path, request_id, made).await
    }
}
