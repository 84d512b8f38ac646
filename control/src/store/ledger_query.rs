//! Looking for records: newest first, in pages that begin where the last one ended.

use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use super::Store;
use crate::ledger::without_outcome;

/// What [`row`] reads.
const COLUMNS: &str = "ledger.at AS at, ledger.number AS number, gateway, emitter, sequence, link, ledger.awaited AS awaited, record";

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// The agent.
    pub actor: Option<String>,
    /// On whose behalf.
    pub subject: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// One of the request's actions.
    pub action: Option<String>,
    /// `allow`, `deny`, `hold`, `observe`, `aborted` or `rejected_by_proxy`.
    pub decision: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// Not before, in Unix milliseconds.
    pub since: Option<i64>,
    /// Before, in Unix milliseconds.
    pub until: Option<i64>,
    /// Only what comes after this in the order of pages.
    pub before: Option<Cursor>,
}

/// A place in the order of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The time it is filed under.
    pub at: i64,
    /// What tells records of one millisecond apart.
    pub number: i64,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its place.
    pub cursor: Cursor,
    /// The gateway.
    pub gateway: String,
    /// Its emitter.
    pub emitter: String,
    /// Its number, of its emitter.
    pub sequence: i64,
    /// The chain's hash after it.
    pub link: String,
    /// The record, byte for byte.
    pub record: String,
    /// Whether it is an attempt without an outcome, and whether that is overdue.
    awaited: Option<bool>,
}

/// A value of a condition.
#[derive(Debug, Clone)]
enum Bound {
    Text(String),
    Number(i64),
}

/// The values of a query's conditions, as their placeholders count them.
#[derive(Debug, Default)]
struct Conditions {
    values: Vec<Bound>,
}

// === impl Cursor ===

impl Cursor {
    /// As it is shown.
    pub fn text(self) -> String {
        format!("{}.{}", self.at, self.number)
    }

    /// Reads what [`Cursor::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, number) = text.split_once('.')?;
        Some(Self { at: at.parse().ok()?, number: number.parse().ok()? })
    }
}

// === impl Store ===

impl Store {
    /// A page of records, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn ledger(&self, filter: &LedgerFilter, limit: i64) -> Result<Vec<LedgerRow>, sqlx::Error> {
        let mut conditions = Conditions::default();
        let order = format!("DESC LIMIT {limit}");
        let text = match &filter.action {
            None => {
                let all = conditions.of(filter, "ledger");
                format!("SELECT {COLUMNS} FROM ledger WHERE {all} ORDER BY at DESC, number {order}")
            }
            // Found by its first call's action, or by one of the others'. Each half ends by itself.
            Some(action) => {
                let value = conditions.value(Bound::Text(action.clone()));
                let column =
                    if filter.task.is_some() { unindexed("ledger.action") } else { "action".to_owned() };
                let (firsts, others) = (conditions.of(filter, "ledger"), conditions.of(filter, "other"));
                format!(
                    "SELECT * FROM (SELECT {COLUMNS} FROM ledger WHERE {column} = {value} AND {firsts} \
                     ORDER BY at DESC, number {order}) AS firsts \
                     UNION ALL \
                     SELECT * FROM (SELECT {COLUMNS} FROM ledger_actions AS other \
                     JOIN ledger ON ledger.at = other.at AND ledger.number = other.number \
                     WHERE other.action = {value} AND {others} \
                     ORDER BY other.at DESC, other.number {order}) AS others ORDER BY at DESC, number {order}"
                )
            }
        };
        let rows = self.rows(text, conditions.values).await?;
        Ok(rows.into_iter().map(LedgerRow::for_readers).collect())
    }

    /// Records of one emitter in its order, after a number.
    ///
    /// # Errors
    /// The database's.
    pub async fn ledger_of(
        &self,
        gateway: &str,
        emitter: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<LedgerRow>, sqlx::Error> {
        let text = format!(
            "SELECT {COLUMNS} FROM ledger \
             WHERE gateway = $1 AND emitter = $2 AND sequence > $3 ORDER BY sequence LIMIT {limit}"
        );
        let values = [Bound::Text(gateway.to_owned()), Bound::Text(emitter.to_owned()), Bound::Number(after)];
        self.rows(text, values.into()).await
    }

    async fn rows(&self, text: String, values: Vec<Bound>) -> Result<Vec<LedgerRow>, sqlx::Error> {
        // The text is made of this file's own words and numbers; what comes from outside is bound.
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in values {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Number(number) => query.bind(number),
            };
        }
        query.fetch_all(&self.readers).await?.iter().map(row).collect()
    }
}

// === impl LedgerRow ===

impl LedgerRow {
    /// An attempt without an outcome says so in its place.
    fn for_readers(mut self) -> Self {
        if let Some(shown) = self.awaited.and_then(|is_overdue| without_outcome(&self.record, is_overdue)) {
            self.record = shown;
        }
        self
    }
}

// === impl Conditions ===

impl Conditions {
    /// The placeholder of a value.
    fn value(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// What a filter asks besides the action, where `place` is the table that the order is read from.
    fn of(&mut self, filter: &LedgerFilter, place: &str) -> String {
        // An attempt of which a record tells the outcome is told by that.
        let mut all = vec!["ledger.awaited <> 3".to_owned()];
        for (column, value) in [
            ("actor", &filter.actor),
            ("subject", &filter.subject),
            ("task", &filter.task),
            ("decision", &filter.decision),
            ("service", &filter.service),
        ] {
            if let Some(value) = value {
                let column = format!("ledger.{column}");
                let column = if column == "ledger.decision" && filter.finds_few() {
                    unindexed(&column)
                } else {
                    column
                };
                all.push(format!("{column} = {}", self.value(Bound::Text(value.clone()))));
            }
        }
        // What is bound could be anything: said like this, the indexes of refusals can be used.
        if filter.decision.as_ref().is_some_and(|decision| decision != "allow") {
            all.push("ledger.decision <> 'allow'".to_owned());
        }
        if let Some(since) = filter.since {
            all.push(format!("{place}.at >= {}", self.value(Bound::Number(since))));
        }
        if let Some(until) = filter.until {
            all.push(format!("{place}.at < {}", self.value(Bound::Number(until))));
        }
        if let Some(Cursor { at, number }) = filter.before {
            let (at, number) = (self.value(Bound::Number(at)), self.value(Bound::Number(number)));
            // The first half lets PostgreSQL leave partitions out.
            all.push(format!("{place}.at <= {at} AND ({place}.at, {place}.number) < ({at}, {number})"));
        }
        all.join(" AND ")
    }
}

// === impl LedgerFilter ===

impl LedgerFilter {
    /// Whether something else that is asked finds fewer records than the decision does.
    fn finds_few(&self) -> bool {
        let is_allowed = self.decision.as_deref() == Some("allow");
        let asks_more = self.actor.is_some() || self.subject.is_some() || self.action.is_some();
        self.task.is_some() || (is_allowed && asks_more)
    }
}

/// A column whose index is not used. SQLite knows nothing of how often values are there, and takes that of what most records
/// have to look for what a few have.
fn unindexed(column: &str) -> String {
    format!("({column} || '')")
}

fn row(row: &AnyRow) -> Result<LedgerRow, sqlx::Error> {
    Ok(LedgerRow {
        cursor: Cursor { at: row.try_get("at")?, number: row.try_get("number")? },
        gateway: row.try_get("gateway")?,
        emitter: row.try_get("emitter")?,
        sequence: row.try_get("sequence")?,
        link: row.try_get("link")?,
        record: row.try_get("record")?,
        awaited: match row.try_get::<i64, _>("awaited")? {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        },
    })
}
