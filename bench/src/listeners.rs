//! Who listens to NOTIFY, as the replicas of a service do that tells of everything in this way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use sqlx::postgres::PgListener;
use tokio::{sync::oneshot, task::JoinSet};

use crate::Failure;

/// As many as the services with streams have replicas by the chart: three with two each...
pub const FEWEST: usize = 6;
/// ...and where each has grown to its `maxReplicas`, as under much load.
pub const MOST: usize = 18;

/// Listeners on a thread of their own, so that the load does not wait for them. They read, and do nothing with it.
pub struct Listeners {
    count: usize,
    heard: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<Result<(), String>>,
}

impl Listeners {
    /// So many of them listen to `channel` of the database at `url`; answers when all do.
    pub async fn start(count: usize, url: String, channel: &'static str) -> Result<Self, Failure> {
        let heard = Arc::new(AtomicU64::new(0));
        let ((stop, stopped), (say, all_listen)) = (oneshot::channel(), oneshot::channel());
        let all_heard = Arc::clone(&heard);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let work = async {
                let mut listeners = JoinSet::new();
                for _ in 0..count {
                    let mut listener = PgListener::connect(&url).await?;
                    listener.listen(channel).await?;
                    let all_heard = Arc::clone(&all_heard);
                    listeners.spawn(async move {
                        while listener.recv().await.is_ok() {
                            all_heard.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                let _ = say.send(());
                let _ = stopped.await;
                Ok::<_, sqlx::Error>(())
            };
            runtime.map_err(|error| error.to_string())?.block_on(work).map_err(|error| error.to_string())
        });
        if all_listen.await.is_err() {
            return Err(thread.join().map_err(|_| "a listener panicked")?.err().unwrap_or_default().into());
        }
        Ok(Self { count, heard, stop, thread })
    }

    /// Ends them. Answers how much each heard.
    pub fn end(self) -> Result<u64, Failure> {
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| "a listener panicked")??;
        Ok(self.heard.load(Ordering::Relaxed) / self.count as u64)
    }
}
