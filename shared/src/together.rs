//! Calls that arrive together and may as well be served together: by one transaction where each would wait for the lock of the
//! one before (ADR 16), by one query where each would cost the database as much as all of them (ADR 28).
//!
//! A call that finds a place free takes it, lets all that are ready to run have a turn, and runs with those that arrived in it:
//! as a rule nobody, and then it runs as any other call does. Those that arrive while all places are taken wait, and share the
//! next run, in the order of their arrival. So nobody waits for company that is not there, and what many want at once costs its
//! runs, not its calls. Per process: replicas meet in the database.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    error::{Error, ErrorReason, Result},
    lock::lock,
};

/// So many share a run at most: a transaction holds the locks of all their callers.
const MOST: usize = 64;

/// Runs jobs; answers each, in their order.
pub type Run<Job, Res> = Arc<dyn Fn(Vec<Job>) -> BoxFuture<'static, Vec<Result<Res>>> + Send + Sync>;

struct Waiting<Job, Res> {
    job: Job,
    answer: oneshot::Sender<Result<Res>>,
}

/// What is under way for a key, and who waits for it.
struct Queue<Job, Res> {
    /// The places that are taken.
    runs: usize,
    /// Whether one of them is about to run, with those who wait.
    gathers: bool,
    waiting: Vec<Waiting<Job, Res>>,
}

impl<Job, Res> Queue<Job, Res> {
    fn wait(&mut self, at: usize, job: Job) -> oneshot::Receiver<Result<Res>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(at, Waiting { job, answer: sender });
        receiver
    }
}

/// How a job is served.
enum Turn<Job, Res> {
    /// By who asks.
    Alone(Job),
    /// By a run with others, which answers.
    With(oneshot::Receiver<Result<Res>>),
}

struct Shared<Key, Job, Res> {
    /// How many runs of a key there are at once.
    places: usize,
    /// How long a run that is shared may take.
    longest: Duration,
    /// By what the jobs are about. A key that is here is at work.
    queues: Mutex<HashMap<Key, Queue<Job, Res>>>,
}

/// Where calls meet. Cheap to clone.
pub struct Together<Key, Job, Res>(Arc<Shared<Key, Job, Res>>);

impl<Key, Job, Res> Clone for Together<Key, Job, Res> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Key, Job, Res> Together<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    /// With room for so many runs of one key at once. What runs alone has its caller's deadline; what is shared has `longest`: on a
    /// connection that is dead it would never end, and keep its place from all who come.
    pub fn new(places: usize, longest: Duration) -> Self {
        Self(Arc::new(Shared { places, longest, queues: Mutex::default() }))
    }

    /// Runs `job` by `run`: alone, or with the others that wait for `key`. A caller who goes away takes along what runs alone, as
    /// everywhere; what runs with others goes on.
    pub async fn run(&self, key: Key, job: Job, run: Run<Job, Res>) -> Result<Res> {
        let gone = || Error::from(ErrorReason::Internal).because("a shared run ended without an answer");
        let answer = match self.arrive(&key, job) {
            Turn::With(answer) => answer,
            Turn::Alone(job) => {
                let mut place = Place { together: self.clone(), key, run: Arc::clone(&run), gathers: true };
                tokio::task::yield_now().await;
                place.gathers = false;
                match self.depart(&place.key, job) {
                    Turn::Alone(job) => return run(vec![job]).await.pop().unwrap_or_else(|| Err(gone())),
                    // The place is given up here, to all of them.
                    Turn::With(answer) => answer,
                }
            }
        };
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// With those who wait, or by a place that is free.
    fn arrive(&self, key: &Key, job: Job) -> Turn<Job, Res> {
        let mut queues = lock(&self.0.queues);
        let new = || Queue { runs: 0, gathers: false, waiting: Vec::new() };
        let queue = queues.entry(key.clone()).or_insert_with(new);
        if queue.gathers || queue.runs == self.0.places {
            return Turn::With(queue.wait(queue.waiting.len(), job));
        }
        queue.runs += 1;
        queue.gathers = true;
        Turn::Alone(job)
    }

    /// Before those who arrived meanwhile, if somebody did.
    fn depart(&self, key: &Key, job: Job) -> Turn<Job, Res> {
        let mut queues = lock(&self.0.queues);
        let Some(queue) = queues.get_mut(key) else { return Turn::Alone(job) };
        queue.gathers = false;
        if queue.waiting.is_empty() { Turn::Alone(job) } else { Turn::With(queue.wait(0, job)) }
    }

    /// Those who wait for `key`, up to [`MOST`]; `gathers` as in [`Place`]. None: the place is free.
    fn take(&self, key: &Key, gathers: bool) -> Vec<Waiting<Job, Res>> {
        let mut queues = lock(&self.0.queues);
        let Some(queue) = queues.get_mut(key) else { return Vec::new() };
        if gathers {
            queue.gathers = false;
        }
        // Who has gone away is not run for.
        queue.waiting.retain(|waiting| !waiting.answer.is_closed());
        let enough = if queue.gathers { 0 } else { MOST };
        let rest = queue.waiting.split_off(queue.waiting.len().min(enough));
        let taken = mem::replace(&mut queue.waiting, rest);
        if taken.is_empty() {
            queue.runs -= 1;
            if queue.runs == 0 {
                queues.remove(key);
            }
        }
        taken
    }
}

/// A run that is under way. When it ends, however it ends, those who arrived meanwhile are served.
struct Place<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    together: Together<Key, Job, Res>,
    key: Key,
    run: Run<Job, Res>,
    /// Whether it is about to run, with those who wait.
    gathers: bool,
}

#[allow(clippy::disallowed_methods, reason = "a Drop cannot await; the task ends with the last who waits")]
impl<Key, Job, Res> Drop for Place<Key, Job, Res>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Job: Send + 'static,
    Res: Send + 'static,
{
    fn drop(&mut self) {
        let taken = self.together.take(&self.key, self.gathers);
        if taken.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let place =
            Self { together: self.together.clone(), key: self.key.clone(), run: Arc::clone(&self.run), gathers: false };
        runtime.spawn(async move {
            let (jobs, answers): (Vec<_>, Vec<_>) =
                taken.into_iter().map(|waiting| (waiting.job, waiting.answer)).unzip();
            let late = || Err(ErrorReason::DeadlineExceeded.into());
            let results = tokio::time::timeout(place.together.0.longest, (place.run)(jobs)).await;
            let results = results.unwrap_or_else(|_| answers.iter().map(|_| late()).collect());
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::watch;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    /// A run that ends when it may, with how many shared it.
    fn gated() -> (watch::Sender<bool>, Run<usize, (usize, usize)>) {
        let (open, gate) = watch::channel(false);
        let run: Run<usize, (usize, usize)> = Arc::new(move |jobs: Vec<usize>| {
            let mut gate = gate.clone();
            Box::pin(async move {
                let _ = gate.wait_for(|open| *open).await;
                let shared = jobs.len();
                jobs.into_iter().map(|job| Ok((job, shared))).collect()
            })
        });
        (open, run)
    }

    /// Past the turn that it gives to others.
    async fn under_way<F: Future + Unpin>(call: &mut F) {
        for _ in 0..2 {
            assert!(futures_util::poll!(&mut *call).is_pending());
        }
    }

    #[tokio::test]
    async fn who_is_ready_at_the_same_time_shares_a_run_in_order() {
        let together = Together::<u8, usize, (usize, usize)>::new(1, LONGEST);
        let (open, run) = gated();
        open.send_replace(true);
        let answers = join_all((0..10).map(|job| together.run(1, job, Arc::clone(&run)))).await;
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(answers, (0..10).map(|job| (job, 10)).collect::<Vec<_>>());
        assert!(lock(&together.0.queues).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn who_arrives_meanwhile_shares_the_next_run_in_order() {
        let together = Together::<u8, usize, (usize, usize)>::new(1, LONGEST);
        let (open, run) = gated();
        let mut first = Box::pin(together.run(1, 0, Arc::clone(&run)));
        under_way(&mut first).await;
        let others = join_all((1..10).map(|job| together.run(1, job, Arc::clone(&run))));
        let opened = async { open.send(true).is_ok() };
        let (others, first, _) = tokio::join!(others, first, opened);
        assert_eq!(first.ok(), Some((0, 1)));
        let others: Vec<_> = others.into_iter().flatten().collect();
        assert_eq!(others, (1..10).map(|job| (job, 9)).collect::<Vec<_>>());
        assert!(lock(&together.0.queues).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn who_waits_is_served_though_the_first_goes_away() {
        let together = Together::<u8, usize, (usize, usize)>::new(1, LONGEST);
        let (open, run) = gated();
        for is_under_way in [false, true] {
            open.send_replace(false);
            let mut first = Box::pin(together.run(1, 0, Arc::clone(&run)));
            if is_under_way {
                under_way(&mut first).await;
            } else {
                assert!(futures_util::poll!(&mut first).is_pending());
            }
            let mut second = Box::pin(together.run(1, 1, Arc::clone(&run)));
            assert!(futures_util::poll!(&mut second).is_pending());
            drop(first);
            open.send_replace(true);
            assert_eq!(second.await.ok(), Some((1, 1)));
        }
        assert!(lock(&together.0.queues).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn who_waits_for_one_who_is_about_to_run_is_not_served_by_another_place() {
        let together = Together::<u8, usize, (usize, usize)>::new(2, LONGEST);
        let (open, run) = gated();
        let mut first = Box::pin(together.run(1, 0, Arc::clone(&run)));
        under_way(&mut first).await;
        let mut second = Box::pin(together.run(1, 1, Arc::clone(&run)));
        let mut third = Box::pin(together.run(1, 2, Arc::clone(&run)));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(futures_util::poll!(&mut third).is_pending());
        open.send_replace(true);
        assert_eq!(first.await.ok(), Some((0, 1)));
        let (second, third) = tokio::join!(second, third);
        assert_eq!((second.ok(), third.ok()), (Some((1, 2)), Some((2, 2))));
        assert!(lock(&together.0.queues).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn who_waits_is_served_though_a_run_panics() {
        let together = Together::<u8, usize, usize>::new(1, LONGEST);
        let run: Run<usize, usize> = Arc::new(|jobs: Vec<usize>| {
            Box::pin(async move {
                tokio::task::yield_now().await;
                assert!(!jobs.contains(&1), "one of them breaks the run");
                jobs.into_iter().map(Ok).collect()
            })
        });
        let mut first = Box::pin(together.run(1, 0, Arc::clone(&run)));
        under_way(&mut first).await;
        let (second, first) = tokio::join!(together.run(1, 1, Arc::clone(&run)), first);
        assert_eq!((first.ok(), second.ok()), (Some(0), None));
        assert_eq!(together.run(1, 2, run).await.ok(), Some(2), "the place is free again");
    }

    #[tokio::test]
    async fn as_many_run_at_once_as_there_are_places_and_no_more() {
        let together = Together::<(), usize, (usize, usize)>::new(2, LONGEST);
        let (open, run) = gated();
        let mut first = Box::pin(together.run((), 0, Arc::clone(&run)));
        under_way(&mut first).await;
        let mut second = Box::pin(together.run((), 1, Arc::clone(&run)));
        under_way(&mut second).await;
        let others = join_all((2..10).map(|job| together.run((), job, Arc::clone(&run))));
        let opened = async { open.send(true).is_ok() };
        let (others, first, second, _) = tokio::join!(others, first, second, opened);
        let shared: Vec<_> = [first, second].into_iter().chain(others).flatten().map(|(_, shared)| shared).collect();
        assert_eq!(shared, [1, 1, 8, 8, 8, 8, 8, 8, 8, 8]);
        assert!(lock(&together.0.queues).is_empty(), "nothing is left at work");
    }

    #[tokio::test]
    async fn x5_a_shared_run_that_never_ends_gives_its_place_back() {
        let together = Together::<u8, usize, usize>::new(1, Duration::from_millis(20));
        let run: Run<usize, usize> = Arc::new(|jobs: Vec<usize>| {
            Box::pin(async move {
                if jobs.len() > 1 {
                    std::future::pending::<()>().await;
                }
                jobs.into_iter().map(Ok).collect()
            })
        });
        let two = join_all((0..2).map(|job| together.run(1, job, Arc::clone(&run))));
        let then = async {
            let answers = two.await;
            (answers, together.run(1, 2, Arc::clone(&run)).await)
        };
        let Ok((answers, later)) = tokio::time::timeout(LONGEST, then).await else { panic!("it is still at work") };
        let reasons = answers.iter().filter_map(|answer| answer.as_ref().err()).map(Error::reason);
        assert_eq!(reasons.collect::<Vec<_>>(), [ErrorReason::DeadlineExceeded; 2]);
        assert_eq!(later.ok(), Some(2));
    }
}
