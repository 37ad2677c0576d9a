//! Calls about one thing that arrive together: each waits for the one before, so they may as well share a transaction.
//!
//! A call that meets no other runs as any other does. Those that arrive meanwhile wait, and then share the next
//! transaction, in the order of their arrival: one lock, one commit for all of them. So a thing that many want at once
//! costs its transactions, not its calls (E8). Per process: replicas meet at the thing's row.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    error::{Error, ErrorReason, Result},
    lock::lock,
};

/// So many share a transaction at most: it holds the locks of all their callers.
const MOST: usize = 64;

/// Runs jobs; answers each, in their order.
pub type Run<Job, Res> = Arc<dyn Fn(Vec<Job>) -> BoxFuture<'static, Vec<Result<Res>>> + Send + Sync>;

struct Waiting<Job, Res> {
    job: Job,
    answer: oneshot::Sender<Result<Res>>,
}

/// By what the jobs are about: those that wait. A key that is here is at work.
type Queues<Key, Job, Res> = Mutex<HashMap<Key, Vec<Waiting<Job, Res>>>>;

/// Where calls meet. Cheap to clone.
pub struct Together<Key, Job, Res>(Arc<Queues<Key, Job, Res>>);

impl<Key, Job, Res> Clone for Together<Key, Job, Res> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Key, Job, Res> Default for Together<Key, Job, Res> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Key, Job, Res> Together<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    /// Runs `job` by `run`: at once and alone, or with the others that wait for `key`. A caller who goes away takes along
    /// what runs alone, as everywhere; what runs with others goes on.
    pub async fn run(&self, key: Key, job: Job, run: Run<Job, Res>) -> Result<Res> {
        let gone = || Error::from(ErrorReason::Internal).because("a shared transaction ended without an answer");
        let answer = {
            let mut queues = lock(&self.0);
            if let Some(queue) = queues.get_mut(&key) {
                let (sender, receiver) = oneshot::channel();
                queue.push(Waiting { job, answer: sender });
                Err(receiver)
            } else {
                queues.insert(key.clone(), Vec::new());
                Ok(job)
            }
        };
        match answer {
            Err(receiver) => receiver.await.unwrap_or_else(|_| Err(gone())),
            Ok(job) => {
                let first = First { together: self.clone(), key, run: Arc::clone(&run) };
                let answer = run(vec![job]).await.pop().unwrap_or_else(|| Err(gone()));
                drop(first);
                answer
            }
        }
    }

    /// Those who wait for `key`, up to [`MOST`]. None left: the key is not at work any more.
    fn take(&self, key: &Key) -> Vec<Waiting<Job, Res>> {
        let mut queues = lock(&self.0);
        let Some(queue) = queues.get_mut(key) else { return Vec::new() };
        // Who has gone away is not run for.
        queue.retain(|waiting| !waiting.answer.is_closed());
        let rest = queue.split_off(queue.len().min(MOST));
        let taken = mem::replace(queue, rest);
        if taken.is_empty() {
            queues.remove(key);
        }
        taken
    }
}

/// The call that found nobody; whoever arrived meanwhile is served when it ends, however it ends.
struct First<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    together: Together<Key, Job, Res>,
    key: Key,
    run: Run<Job, Res>,
}

#[allow(clippy::disallowed_methods, reason = "a Drop cannot await; the task ends with the last who waits")]
impl<Key, Job, Res> Drop for First<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    fn drop(&mut self) {
        let taken = self.together.take(&self.key);
        if taken.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (together, key, run) = (self.together.clone(), self.key.clone(), Arc::clone(&self.run));
        runtime.spawn(async move {
            let mut next = taken;
            while !next.is_empty() {
                let (jobs, answers): (Vec<_>, Vec<_>) =
                    next.into_iter().map(|waiting| (waiting.job, waiting.answer)).unzip();
                for (answer, result) in answers.into_iter().zip(run(jobs).await) {
                    let _ = answer.send(result);
                }
                next = together.take(&key);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_arrives_meanwhile_shares_the_next_run_in_order() {
        let together = Together::<u8, usize, (usize, usize)>::default();
        let (open, gate) = tokio::sync::watch::channel(false);
        // Answers the job and how many shared the run.
        let run: Run<usize, (usize, usize)> = Arc::new(move |jobs: Vec<usize>| {
            let mut gate = gate.clone();
            Box::pin(async move {
                let _ = gate.wait_for(|open| *open).await;
                let shared = jobs.len();
                jobs.into_iter().map(|job| Ok((job, shared))).collect()
            })
        });
        let calls = (0..10).map(|job| together.run(1, job, Arc::clone(&run)));
        let all = futures_util::future::join_all(calls);
        let opened = async { open.send(true).is_ok() };
        let (answers, _) = tokio::join!(all, opened);
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        let expected: Vec<_> = (0..10).map(|job| (job, if job == 0 { 1 } else { 9 })).collect();
        assert_eq!(answers, expected);
        assert!(lock(&together.0).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn who_waits_is_served_though_the_first_goes_away() {
        let together = Together::<u8, usize, usize>::default();
        let run: Run<usize, usize> = Arc::new(|jobs: Vec<usize>| {
            Box::pin(async move {
                if jobs == [0] {
                    std::future::pending::<()>().await;
                }
                jobs.into_iter().map(Ok).collect()
            })
        });
        let mut first = Box::pin(together.run(1, 0, Arc::clone(&run)));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(together.run(1, 1, run));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await.ok(), Some(1));
    }
}
