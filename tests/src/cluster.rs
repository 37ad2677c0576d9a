//! Databases for tests: one private PostgreSQL per test process, and a database per test, copied from a template
//! that was migrated once (150-260 ms each). Nothing is shared with any other process, and nothing is left behind.

mod own;
mod server;

pub use own::Own;
use server::Server;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The migrated database that every test's is a copy of. Nobody may connect to it, or copying would fail.
const TEMPLATE: &str = "crewup_template";

/// E4: time moves for every process that is connected to the database, by one UPDATE.
pub const CLOCK: &str = "
    create table crewup.test_clock (shift interval not null);
    insert into crewup.test_clock (shift) values (interval '0');
    grant select on crewup.test_clock to public;
    create or replace function crewup.now() returns timestamptz
    language sql stable as 'select now() + (select shift from crewup.test_clock)';
";

/// A database of one test; dropped when this is.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    server: &'static Server,
}

/// A migrated database, whose clock the test may move.
pub async fn database() -> TestDb {
    create(TEMPLATE).await
}

/// An empty database, for the tests of migrating.
pub async fn empty() -> TestDb {
    create("template1").await
}

/// What is in `db` now, in a database of its own. Nobody may be connected to `db`.
pub async fn copy_of(db: &TestDb) -> TestDb {
    create(&db.name).await
}

/// A migrated database on a server of the test's own.
pub async fn database_on(own: &Own) -> TestDb {
    let server: &'static Server = Box::leak(Box::new(Server::of(own.port)));
    prepare(server).await;
    // The template may be copied only while nobody uses it, and nobody does.
    let mut postgres = connect(&server.url("postgres", "postgres")).await;
    postgres
        .execute(AssertSqlSafe(format!("create database own template {TEMPLATE} owner crewup")))
        .await
        .expect("a copy");
    postgres.close().await.expect("close");
    TestDb { name: "own".into(), server }
}

/// A connection with every right on the cluster, for what neither the owner nor a service may see.
pub async fn superuser() -> PgConnection {
    connect(&server().await.url("postgres", "postgres")).await
}

async fn create(template: &str) -> TestDb {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let server = server().await;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut conn = connect(&server.url("postgres", "postgres")).await;
    let sql = format!("create database {name} template {template} owner crewup");
    conn.execute(AssertSqlSafe(sql)).await.expect("a copy of the template");
    conn.close().await.expect("close");
    TestDb { name, server }
}

impl TestDb {
    /// What the server calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address for the role that owns the schema.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("crewup", &self.name)
    }

    /// The address for a service: `event`, `group`, `user`, `safety` or `moderation`.
    #[must_use]
    pub fn url_as(&self, service: &str) -> String {
        self.server.url(&format!("crewup_{service}_login"), &self.name)
    }

    /// A connection as the owner of the schema.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url()).await
    }

    /// A connection as a service, with its grants and limits.
    pub async fn connect_as(&self, service: &str) -> PgConnection {
        connect(&self.url_as(service)).await
    }

    /// A pool as the owner of the schema; it connects when it is used.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new().max_connections(40).connect_lazy(&self.url()).expect("a URL of ours")
    }

    /// Moves the clock of this database, for every process at once (E4).
    pub async fn advance(&self, by: chrono::Duration) {
        let mut conn = self.connect().await;
        sqlx::query("update crewup.test_clock set shift = shift + $1")
            .bind(by)
            .execute(&mut conn)
            .await
            .expect("the clock moves");
        conn.close().await.expect("close");
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        self.server.drop_later(std::mem::take(&mut self.name));
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the private cluster answers")
}

/// Started by the first who asks; the others wait for it.
async fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    match SERVER.get() {
        Some(server) => server,
        None => tokio::task::spawn_blocking(|| SERVER.get_or_init(|| Server::start(prepare)))
            .await
            .expect("the private cluster starts"),
    }
}

/// What every test's database has: roles of the cluster, and the template. `crewup` is no superuser, so that
/// migrating is tried with the rights that it has in production.
async fn prepare(server: &Server) {
    let mut postgres = connect(&server.url("postgres", "postgres")).await;
    postgres.execute("create role crewup login createdb createrole").await.expect("the owner");
    // By the default path a test's tables would be made in the schema that has the owner's name.
    postgres.execute("alter role crewup set search_path = public").await.expect("the owner's path");
    // PostgreSQL 15 lets only the owner of a database create in its schema public.
    postgres.execute(AssertSqlSafe(format!("create database {TEMPLATE} owner crewup"))).await.expect("the template");

    let mut owner = crewup_shared::migrate::connect(&server.url("crewup", TEMPLATE)).await.expect("the owner connects");
    crewup_shared::migrate::up(&mut owner).await.expect("the migrations run");
    let login = |service| crewup_shared::migrate::Login { service, password: format!("{service}-password") };
    crewup_shared::migrate::create_logins(&mut owner, &crewup_shared::migrate::SERVICES.map(login))
        .await
        .expect("the services' logins");
    owner.execute(CLOCK).await.expect("the clock");
    owner.close().await.expect("close");

    let closed = format!("alter database {TEMPLATE} with is_template true allow_connections false");
    postgres.execute(AssertSqlSafe(closed)).await.expect("a template without connections");
    postgres.close().await.expect("close");
}

/// How long a database may be dropped before the next one has its turn.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// Best effort: the whole cluster goes with the process anyway.
async fn drop_database(server: &Server, name: &str) {
    let drop = async {
        let mut conn = PgConnection::connect(&server.url("postgres", "postgres")).await?;
        conn.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await?;
        conn.close().await
    };
    let _ = tokio::time::timeout(DROP_TIMEOUT, drop).await;
}
