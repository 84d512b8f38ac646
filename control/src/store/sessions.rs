//! People who are signed in.

use sqlx::Row as _;

use super::{
    Store,
    row::{json, written},
};
use crate::{person::Person, secret::SecretHash};

/// With what somebody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// A browser's cookie.
    Browser,
    /// A terminal's bearer token.
    Terminal,
}

/// Somebody's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub person: Person,
    /// Until when.
    pub expires: i64,
}

// === impl SessionKind ===

impl SessionKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Terminal => "terminal",
        }
    }
}

// === impl Store ===

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_session(
        &self,
        secret: &SecretHash,
        kind: SessionKind,
        session: &Session,
        now: i64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO sessions (secret_hash, kind, person, name, person_groups, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(secret.text())
        .bind(kind.as_str())
        .bind(session.person.id.as_str())
        .bind(session.person.name.as_str())
        .bind(written(&session.person.groups)?)
        .bind(now)
        .bind(session.expires)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// The session of a secret, where it has not expired.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(
        &self,
        secret: &SecretHash,
        kind: SessionKind,
        now: i64,
    ) -> Result<Option<Session>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT person, name, person_groups, expires FROM sessions \
             WHERE secret_hash = $1 AND kind = $2 AND expires > $3",
        )
        .bind(secret.text())
        .bind(kind.as_str())
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let person = Person {
            id: row.try_get("person")?,
            name: row.try_get("name")?,
            groups: json(&row.try_get::<String, _>("person_groups")?)?,
        };
        Ok(Some(Session { person, expires: row.try_get("expires")? }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_session(&self, secret: &SecretHash) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM sessions WHERE secret_hash = $1")
            .bind(secret.text())
            .execute(&self.pool)
            .await
            .map(drop)
    }
}
