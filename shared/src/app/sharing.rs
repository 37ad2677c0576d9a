//! Calls that share a transaction (ADR 16).

use std::sync::Arc;

use crewup_proto::call::Standing;
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{App, Caller, Context, Handler, Tx, again};
use crate::{
    error::{Error, Result},
    id::UserId,
    standing,
    together::{Run, Together},
};

/// A call on its way into a shared transaction.
pub struct Job<Req> {
    context: Context,
    id: UserId,
    request: Req,
    /// The call's. What several share is traced with the first of them.
    span: Span,
}

/// One of the calls that share a transaction.
pub struct Asked<Req> {
    /// Who calls.
    pub caller: Caller,
    /// What the caller sent.
    pub request: Req,
}

/// The calls that share a transaction, in the order of their arrival.
pub struct Batch<Req>(pub Vec<Asked<Req>>);

/// Where calls about one thing meet, by the thing's id as it was sent.
pub type Meeting<Req, Res> = Together<String, Job<Req>, Res>;

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
        let done = async {
            let (context, id, request) = self.identify(request).await?;
            let key = key(&request).to_owned();
            let app = self.clone();
            let run: Run<Job<Req>, Res> = Arc::new(move |jobs: Vec<Job<Req>>| {
                let (app, handler) = (app.clone(), handler.clone());
                let span = jobs.first().map_or_else(Span::none, |job| job.span.clone());
                Box::pin(async move { app.sharing(&jobs, &handler).await }.instrument(span))
            });
            meeting.run(key, Job { context, id, request, span: Span::current() }, run).await
        };
        done.await.map(Response::new).map_err(Error::into_status)
    }

    async fn sharing<Req, Res, F>(&self, jobs: &[Job<Req>], handler: &F) -> Vec<Result<Res>>
    where
        Req: Clone + Send + Sync,
        Res: Send,
        F: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Result<Res>>>,
    {
        match self.shared(jobs, handler).await {
            Ok(answers) => answers,
            Err(error) if jobs.len() == 1 => vec![Err(error)],
            Err(error) => {
                tracing::warn!(%error, calls = jobs.len(), "a shared transaction failed; its calls run one by one");
                let mut answers = Vec::with_capacity(jobs.len());
                for job in jobs {
                    let alone = self.shared(std::slice::from_ref(job), handler).await;
                    answers
                        .push(alone.and_then(|mut one| one.pop().unwrap_or_else(|| Err(Error::internal("no answer")))));
                }
                answers
            }
        }
    }

    /// One transaction for all, run again where PostgreSQL breaks it off.
    async fn shared<Req, Res, F>(&self, jobs: &[Job<Req>], handler: &F) -> Result<Vec<Result<Res>>>
    where
        Req: Clone + Send + Sync,
        Res: Send,
        F: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Result<Res>>>,
    {
        let people: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
        let mut run = 1;
        loop {
            let once = async {
                let mut tx = Tx::begin(&self.db, &people).await?;
                let (mut asked, mut refused) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
                for job in jobs {
                    let standing = tx.standing(job.id).unwrap_or(Standing::Erased);
                    let admitted = standing::admit(standing, job.context.call);
                    if admitted.is_ok() {
                        let caller = Caller { id: job.id, role: job.context.person().role, standing };
                        asked.push(Asked { caller, request: job.request.clone() });
                    }
                    refused.push(admitted.err());
                }
                let batch = Batch(asked);
                let mut answers = handler(&mut tx, &batch).await?.into_iter();
                tx.commit(&self.wake).await?;
                let mut next = || answers.next().unwrap_or_else(|| Err(Error::internal("a call was not answered")));
                Ok(refused.into_iter().map(|refused| refused.map_or_else(&mut next, Err)).collect())
            };
            match once.await {
                Ok(answers) => return Ok(answers),
                Err(error) => again(&self.db, error, &mut run).await?,
            }
        }
    }
}
