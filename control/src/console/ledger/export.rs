//! Everything that a search finds, as a file that comes while it is read.

use std::sync::Arc;

use actgate_ledger::{Export, Format, Place};
use axum::{
    body::Body,
    extract::{Query, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;

use super::query::LedgerQuery;
use crate::{
    api::events::may_read,
    app::{App, log},
    console::{page::Refused, signed_in::SignedIn},
    problem::Problem,
    store::{LedgerFilter, LedgerRow},
};

/// Records that are read at once.
const PAGE: i64 = 500;

/// Where a file is.
struct Progress {
    app: Arc<App>,
    filter: LedgerFilter,
    export: Option<Export>,
    begins: bool,
}

pub(in crate::console) async fn export(
    State(app): State<Arc<App>>,
    who: SignedIn,
    Query(query): Query<LedgerQuery>,
) -> Result<Response, Refused> {
    may_read(&app, &who.person)?;
    let Some(format) = Format::named(&query.format) else {
        return Err(Problem::invalid("there is no such format").into());
    };
    let filter = query.filter()?;
    let progress = Progress { app, filter, export: Some(Export::new(format)), begins: true };
    // What fails on the way breaks the answer off: half a file is not taken for a whole one.
    let body = Body::from_stream(stream::try_unfold(progress, Progress::next));
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", format.file_name())),
    ];
    Ok((headers, body).into_response())
}

// === impl Progress ===

impl Progress {
    async fn next(mut self) -> Result<Option<(String, Self)>, sqlx::Error> {
        let Some(mut export) = self.export.take() else { return Ok(None) };
        let mut text = if self.begins { export.begin() } else { String::new() };
        self.begins = false;
        let rows = self.app.store.ledger(&self.filter, PAGE).await?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE);
        self.filter.before = rows.last().map(|row| row.cursor);
        for row in rows {
            let LedgerRow { gateway, emitter, sequence, record, .. } = row;
            let place = Place::Stored { gateway: gateway.clone(), emitter: emitter.clone(), sequence };
            match export.record(&record, place) {
                Ok(told) => text.push_str(&told),
                Err(error) => return Err(unreadable(&gateway, &emitter, sequence, error)),
            }
        }
        if is_last {
            let end = export.end();
            text.push_str(&end.map_err(|error| sqlx::Error::Decode(error.into()))?);
        } else {
            self.export = Some(export);
        }
        Ok(Some((text, self)))
    }
}

fn unreadable(
    gateway: &str,
    emitter: &str,
    sequence: i64,
    error: actgate_ledger::RecordError,
) -> sqlx::Error {
    log(&format!("export: {gateway} {emitter} {sequence}: {error}"));
    sqlx::Error::Decode(error.into())
}
