//! The database: SQLite in a file, or PostgreSQL behind any number of replicas. One set of queries for both.
//!
//! INVARIANT: every change of an approval is one guarded `UPDATE .. WHERE state = ..` and one event, in one transaction
//! that begins with that write; so changes of one approval take turns in both databases, and none is made twice.

mod attempts;
mod checkpoints;
mod claims;
mod collected;
mod counts;
mod decisions;
mod ledger;
mod ledger_query;
mod partitions;
mod reading;
mod row;
mod sessions;
mod upkeep;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{
    AnyConnection, AnyPool, Executor as _, SqlSafeStr as _,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};

pub use self::{
    claims::{Claimed, IN_FLIGHT_SECONDS},
    collected::Waiting,
    counts::{Count, CountBy},
    decisions::Decision,
    ledger::{Ingested, NewRecord},
    ledger_query::{Cursor, LedgerFilter, LedgerRow},
    reading::{Filter, History},
    sessions::{Session, SessionKind},
};

/// Of PostgreSQL; a claim holds one for a few milliseconds.
const CONNECTIONS: u32 = 10;

/// The gateway waits a second or two: longer would answer nobody.
const ACQUIRE: Duration = Duration::from_secs(2);

/// Reading the ledger, so that a long look holds up no claim.
const READERS: u32 = 3;

/// The migrations, oldest first, in the words of each database. What has been released is never changed.
const MIGRATIONS: [(i64, &str, &str, &str); 5] = [
    (
        1,
        "approvals",
        include_str!("../migrations/0001_approvals.sql"),
        include_str!("../migrations/0001_approvals.sql"),
    ),
    (
        2,
        "ledger",
        include_str!("../migrations/0002_ledger_sqlite.sql"),
        include_str!("../migrations/0002_ledger_postgres.sql"),
    ),
    (
        3,
        "attempts",
        include_str!("../migrations/0003_attempts.sql"),
        include_str!("../migrations/0003_attempts.sql"),
    ),
    (
        4,
        "ledger readers",
        include_str!("../migrations/0004_ledger_readers.sql"),
        include_str!("../migrations/0004_ledger_readers.sql"),
    ),
    (5, "ledger pairs", include_str!("../migrations/0005_ledger_pairs_sqlite.sql"), "SELECT 1"),
];

/// Where things are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

/// The approvals, the sessions and the ledger.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    readers: AnyPool,
    backend: Backend,
    /// The days that have a partition, as far as is known.
    days: Arc<Mutex<BTreeSet<i64>>>,
}

// === impl Store ===

impl Store {
    /// Opens the database file, made where it is missing.
    ///
    /// # Errors
    /// It cannot be opened or migrated.
    pub async fn sqlite(file: &Path) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let url = file_url(file).map_err(sqlx::Error::Io)?;
        let options = AnyPoolOptions::new()
            // SQLite lets one write at a time and does not queue the others; the pool does.
            .max_connections(1)
            .acquire_timeout(ACQUIRE)
            // A yes that was consumed must stay consumed when the power fails: FULL also in WAL mode.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection
                        .execute(
                            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                             PRAGMA foreign_keys = ON;",
                        )
                        .await
                        .map(drop)
                })
            });
        let pool = migrated(options.connect(&url).await?, Backend::Sqlite).await?;
        let readers = AnyPoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE).after_connect(
            |connection, _| {
                Box::pin(async move { connection.execute("PRAGMA query_only = ON;").await.map(drop) })
            },
        );
        let readers = readers.connect(&url).await?;
        Ok(Self { pool, readers, backend: Backend::Sqlite, days: Arc::default() })
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    /// It cannot be reached or migrated.
    pub async fn postgres(url: &str) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            // A database that hangs is one that is away: whoever asks is told so while they still wait.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection
                        .execute("SET lock_timeout = '2s'; SET statement_timeout = '5s';")
                        .await
                        .map(drop)
                })
            });
        let pool = migrated(options.connect(url).await?, Backend::Postgres).await?;
        Ok(Self { readers: pool.clone(), pool, backend: Backend::Postgres, days: Arc::default() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        self.pool.execute("SELECT 1").await.map(drop)
    }

    /// Ends every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.pool.close().await;
    }
}

async fn migrated(pool: AnyPool, backend: Backend) -> Result<AnyPool, sqlx::Error> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, name, sqlite, postgres)| {
            let sql = match backend {
                Backend::Sqlite => *sqlite,
                Backend::Postgres => *postgres,
            };
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations).run(&pool).await?;
    Ok(pool)
}

/// The URL of a database file: of its true place, since a URL has `..` and `?` mean something else.
fn file_url(file: &Path) -> std::io::Result<String> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let path = folder.canonicalize()?.join(file.file_name().unwrap_or_default());
    let mut url = "sqlite://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url.push_str("?mode=rwc");
    Ok(url)
}

/// Adds an event. The caller's transaction has written the approval's row, so that the numbers have no gaps.
async fn record(
    connection: &mut AnyConnection,
    approval: &str,
    at: i64,
    who: &str,
    what: &str,
    comment: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO events (approval, number, at, who, what, comment) \
         SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5 FROM events WHERE approval = $1",
    )
    .bind(approval)
    .bind(at)
    .bind(who)
    .bind(what)
    .bind(comment)
    .execute(connection)
    .await
    .map(drop)
}
