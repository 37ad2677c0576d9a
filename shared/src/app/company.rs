//! Writes to different things that share a transaction, of which none waits for a lock (ADR 29).

use std::collections::{HashMap, HashSet};

use prost::{Message, Name};
use tonic::{Request, Response, Status};
use tracing::Span;
use uuid::Uuid;

use super::{
    App, Asked, Batch, Handler, Tx, WriteCx,
    sharing::{Job, LONGEST, Serve, concerns_all, traced},
};
use crate::{
    error::{Error, Result},
    idempotency::{self, Making},
    standing,
    together::Together,
};

/// Where writes meet that have nothing to do with one another. One shared transaction runs at a time: it waits for nobody, and the
/// longer it takes, the more share the next. None: the call is to be served alone.
pub struct Company<Req, Res>(Together<(), Job<Req>, Option<Res>>);

impl<Req: Send + 'static, Res: Send + 'static> Default for Company<Req, Res> {
    fn default() -> Self {
        Self(Together::new(1, LONGEST))
    }
}

impl App {
    /// As [`App::write`] with the handler `alone`, for a small write that is made often: those that arrive while one is under way
    /// share the next transaction, for which `together` is the handler. It answers each that it could serve, and
    /// wrote nothing for the others; they are served alone. It gets each caller once, those only whom nobody else has
    /// entered and who may make the call, and must not wait for a lock: all would wait for it.
    pub async fn write_in_company<Req, Res, T, A>(
        &self,
        company: &Company<Req, Res>,
        request: Request<Req>,
        together: T,
        alone: A,
    ) -> std::result::Result<Response<Res>, Status>
    where
        Req: Clone + Send + Sync + 'static,
        Res: Send + 'static,
        T: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Option<Res>>> + Clone + 'static,
        A: for<'a> Handler<'a, WriteCx, Req, Res>,
    {
        let done = async {
            let (context, id, request) = self.identify(request).await?;
            let app = self.clone();
            let run = traced(move |jobs| {
                let (app, serve) = (app.clone(), Free(together.clone()));
                async move { app.in_company(&jobs, &serve).await }
            });
            let job = Job { context, id, request, span: Span::current() };
            match company.0.run((), job.clone(), run).await? {
                Some(answer) => Ok(answer),
                None => self.entered(job.context, id, Vec::new(), job.request, alone).await,
            }
        };
        done.await.map(Response::new).map_err(Error::into_status)
    }

    /// What fails for want of a database or of time fails for all; any other failure may be one call's, and nobody else's.
    async fn in_company<Req, Res, S>(&self, jobs: &[Job<Req>], serve: &S) -> Vec<Result<Option<Res>>>
    where
        Req: Clone + Send + Sync,
        S: Serve<Req, Option<Res>>,
    {
        match self.repeating(jobs, serve).await {
            Ok(answers) => answers,
            Err(error) if concerns_all(&error) => jobs.iter().map(|_| Err(error.same())).collect(),
            Err(error) => {
                tracing::warn!(%error, calls = jobs.len(), "calls could not share a transaction and run one by one");
                jobs.iter().map(|_| Ok(None)).collect()
            }
        }
    }
}

/// In one transaction that has entered those of the callers whom nobody else has.
struct Free<F>(F);

impl<Req, Res, F> Serve<Req, Option<Res>> for Free<F>
where
    Req: Clone + Send + Sync,
    Res: Send,
    F: for<'a> Handler<'a, Tx, Batch<Req>, Vec<Option<Res>>>,
{
    async fn once(&self, app: &App, jobs: &[Job<Req>]) -> Result<Vec<Result<Option<Res>>>> {
        let people: Vec<Uuid> = jobs.iter().map(|job| job.id.0).collect();
        let mut tx = Tx::begin_free(&app.db, &people).await?;
        let mut answers: Vec<Result<Option<Res>>> = jobs.iter().map(|_| Ok(None)).collect();
        // By caller: a second call of the same person is for another transaction, in which the first can be seen.
        let mut first = HashMap::new();
        for (at, job) in jobs.iter().enumerate() {
            if let Some(standing) = tx.standing(job.id)
                && standing::admit(standing, job.context.call).is_ok()
            {
                first.entry(job.id).or_insert((at, standing));
            }
        }
        let mut served: Vec<_> = first.into_values().collect();
        served.sort_by_key(|(at, _)| *at);
        let batch = Batch(served.iter().map(|&(at, standing)| Asked::new(&jobs[at], standing)).collect());
        if !batch.0.is_empty() {
            for ((at, _), answer) in served.iter().zip((self.0)(&mut tx, &batch).await?) {
                answers[*at] = Ok(answer);
            }
        }
        tx.commit(&app.wake).await?;
        Ok(answers)
    }
}

impl Tx {
    /// Of calls that would each make an object, with its request id: those for whose request id nothing was made yet, by
    /// the object (X1). For [`App::write_in_company`], whose callers are entered: nobody waits for a twin.
    pub async fn first_of<Req: Message + Name>(
        &mut self,
        calls: &[(&Asked<Req>, Uuid, Uuid)],
    ) -> Result<HashSet<Uuid>> {
        let making = calls.iter().map(|(asked, request_id, made)| {
            Making::new(asked.caller.id, asked.call.path, *request_id, &asked.request, *made)
        });
        idempotency::first_of(self.db(), making.collect()).await
    }
}
