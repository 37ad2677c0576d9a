//! Calls that are served together: writes that share a transaction (ADR 16), reads that share a query (ADR 28).

use std::{future::Future, sync::Arc, time::Duration};

use crewup_proto::call::{Call, Standing};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{App, Caller, Context, Handler, Tx, again};
use crate::{
    error::{Error, ErrorReason, Result},
    id::UserId,
    standing, telemetry,
    together::{Run, Together},
};

/// So many queries that are shared run at once: one is on its way while another is answered.
const QUERIES: usize = 2;
/// How long what is shared may take: longer than PostgreSQL lets a statement take, and as long as a call may.
pub(super) const LONGEST: Duration = Duration::from_secs(15);

/// A call on its way to be served with others.
#[derive(Clone)]
pub(super) struct Job<Req> {
    pub(super) context: Context,
    pub(super) id: UserId,
    pub(super) request: Req,
    /// The call's.
    pub(super) span: Span,
}

/// One of the calls that are served together.
pub struct Asked<Req> {
    /// Who calls.
    pub caller: Caller,
    /// What the caller sent.
    pub request: Req,
    pub(super) call: &'static Call,
}

impl<Req: Clone> Asked<Req> {
    pub(super) fn new(job: &Job<Req>, standing: Standing) -> Self {
        let caller = Caller { id: job.id, role: job.context.person().role, standing };
        Self { caller, request: job.request.clone(), call: job.context.call }
    }
}

/// The calls that are served together, in the order of their arrival; a handler gets one at least.
pub struct Batch<Req>(pub Vec<Asked<Req>>);

/// Where writes to one thing meet, by the thing's id as it was sent.
pub struct Meeting<Req, Res>(Together<String, Job<Req>, Res>);

impl<Req: Send + 'static, Res: Send + 'static> Default for Meeting<Req, Res> {
    fn default() -> Self {
        Self(Together::new(1, LONGEST))
    }
}

/// Where reads meet.
pub struct Gathering<Req, Res>(Together<(), Job<Req>, Res>);

impl<Req: Send + 'static, Res: Send + 'static> Default for Gathering<Req, Res> {
    fn default() -> Self {
        Self(Together::new(QUERIES, LONGEST))
    }
}

impl App {
    /// As [`App::write`], for a call that many may make about one thing at once: those that arrive while one is under way
    /// share the next transaction. The handler answers each of them; whom it refuses, it has written nothing for. `key` is
    /// the thing's id in the request.
    pub async fn write_together<Req, Res, F>(
        &self,
        meeting: &Meeting<Req, Res>,
        key: fn(&Req) -> &str,
        request: Request<Req>,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        Req: Clone + Send + Sync + 'static,
        Res: Send + 'static,
        F: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Result<Res>>> + Clone + 'static,
    {
        let key = key(request.get_ref()).to_owned();
        self.together(&meeting.0, key, request, Writing(handler)).await
    }

    /// As [`App::read`], for a small read that is made often: those that arrive while enough are under way share the next query.
    /// The handler answers each of them.
    pub async fn read_together<Req, Res, F>(
        &self,
        gathering: &Gathering<Req, Res>,
        request: Request<Req>,
        handler: F,
    ) -> std::result::Result<Response<Res>, Status>
    where
        Req: Clone + Send + Sync + 'static,
        Res: Send + 'static,
        F: for<'a> Handler<'a, PgConnection, Batch<Req>, Vec<Result<Res>>> + Clone + 'static,
    {
        self.together(&gathering.0, (), request, Reading(handler)).await
    }

    async fn together<Key, Req, Res, S>(
        &self,
        together: &Together<Key, Job<Req>, Res>,
        key: Key,
        request: Request<Req>,
        serve: S,
    ) -> std::result::Result<Response<Res>, Status>
    where
        Key: Clone + Eq + std::hash::Hash + Send + 'static,
        Req: Clone + Send + Sync + 'static,
        Res: Send + 'static,
        S: Serve<Req, Res> + Clone + 'static,
    {
        let done = async {
            let (context, id, request) = self.identify(request).await?;
            let app = self.clone();
            let run = traced(move |jobs| {
                let (app, serve) = (app.clone(), serve.clone());
                async move { app.serving(&jobs, &serve).await }
            });
            together.run(key, Job { context, id, request, span: Span::current() }, run).await
        };
        done.await.map(Response::new).map_err(Error::into_status)
    }

    /// Serves them together, or one by one where that fails for good, so that one's broken call is nobody else's. What fails for
    /// want of a database or of time fails for all: one by one they would only take longer to hear of it.
    async fn serving<Req, Res, S>(&self, jobs: &[Job<Req>], serve: &S) -> Vec<Result<Res>>
    where
        Req: Clone + Send + Sync,
        Res: Send,
        S: Serve<Req, Res>,
    {
        match self.repeating(jobs, serve).await {
            Ok(answers) => answers,
            Err(error) if concerns_all(&error) => jobs.iter().map(|_| Err(error.same())).collect(),
            Err(error) if jobs.len() == 1 => vec![Err(error)],
            Err(error) => {
                tracing::warn!(%error, calls = jobs.len(), "calls could not be served together and run one by one");
                let mut answers = Vec::with_capacity(jobs.len());
                for job in jobs {
                    let alone = self.repeating(std::slice::from_ref(job), serve).await;
                    answers
                        .push(alone.and_then(|mut one| one.pop().unwrap_or_else(|| Err(Error::internal("no answer")))));
                }
                answers
            }
        }
    }

    /// Runs again where PostgreSQL breaks it off.
    pub(super) async fn repeating<Req, Res, S>(&self, jobs: &[Job<Req>], serve: &S) -> Result<Vec<Result<Res>>>
    where
        Req: Clone + Send + Sync,
        S: Serve<Req, Res>,
    {
        let mut run = 1;
        loop {
            match serve.once(self, jobs).await {
                Ok(answers) => return Ok(answers),
                Err(error) => again(&self.db, error, &mut run).await?,
            }
        }
    }
}

/// What `serve` does with jobs, traced with the first of them that is.
pub(super) fn traced<Req, Res, Served>(
    serve: impl Fn(Vec<Job<Req>>) -> Served + Send + Sync + 'static,
) -> Run<Job<Req>, Res>
where
    Served: Future<Output = Vec<Result<Res>>> + Send + 'static,
{
    Arc::new(move |jobs: Vec<Job<Req>>| {
        let span = telemetry::shared_span(jobs.iter().map(|job| &job.span));
        Box::pin(serve(jobs).instrument(span))
    })
}

/// Whether a failure is for want of a database or of time: to serve the calls one by one would only tell them later.
pub(super) fn concerns_all(error: &Error) -> bool {
    matches!(error.reason(), ErrorReason::Overloaded | ErrorReason::DependencyUnavailable)
}

/// Serves calls together: all of them are answered, in their order, or none.
pub(super) trait Serve<Req, Res>: Send + Sync {
    fn once(&self, app: &App, jobs: &[Job<Req>]) -> impl Future<Output = Result<Vec<Result<Res>>>> + Send;
}

/// In one transaction that has entered all callers.
#[derive(Clone)]
struct Writing<F>(F);

impl<Req, Res, F> Serve<Req, Res> for Writing<F>
where
    Req: Clone + Send + Sync,
    Res: Send,
    F: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Result<Res>>>,
{
    async fn once(&self, app: &App, jobs: &[Job<Req>]) -> Result<Vec<Result<Res>>> {
        let people: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
        let mut tx = Tx::begin(&app.db, &people).await?;
        let standings = jobs.iter().map(|job| tx.standing(job.id).unwrap_or(Standing::Erased));
        let (batch, refused) = admitted(jobs, standings.collect());
        let answers = if batch.0.is_empty() { Vec::new() } else { (self.0)(&mut tx, &batch).await? };
        tx.commit(&app.wake).await?;
        Ok(in_order(refused, answers))
    }
}

/// Over one connection, without a transaction.
#[derive(Clone)]
struct Reading<F>(F);

impl<Req, Res, F> Serve<Req, Res> for Reading<F>
where
    Req: Clone + Send + Sync,
    Res: Send,
    F: for<'a> Handler<'a, PgConnection, Batch<Req>, Vec<Result<Res>>>,
{
    async fn once(&self, app: &App, jobs: &[Job<Req>]) -> Result<Vec<Result<Res>>> {
        let mut lease = app.db.lease().await?;
        let people: Vec<UserId> = jobs.iter().map(|job| job.id).collect();
        let standings = app.standings.get_each(&mut lease, &people).await?;
        let (batch, refused) = admitted(jobs, standings);
        let answers = if batch.0.is_empty() { Vec::new() } else { (self.0)(&mut lease, &batch).await? };
        lease.back();
        Ok(in_order(refused, answers))
    }
}

/// Those who may call, and of each call why it is refused, if it is.
fn admitted<Req: Clone>(jobs: &[Job<Req>], standings: Vec<Standing>) -> (Batch<Req>, Vec<Option<Error>>) {
    let (mut asked, mut refused) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
    for (job, standing) in jobs.iter().zip(standings) {
        let admitted = standing::admit(standing, job.context.call);
        if admitted.is_ok() {
            asked.push(Asked::new(job, standing));
        }
        refused.push(admitted.err());
    }
    (Batch(asked), refused)
}

/// The answer to each call: why it was refused, or the next of `answers`.
fn in_order<Res>(refused: Vec<Option<Error>>, answers: Vec<Result<Res>>) -> Vec<Result<Res>> {
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_else(|| Err(Error::internal("a call was not answered")));
    refused.into_iter().map(|refused| refused.map_or_else(&mut next, Err)).collect()
}
