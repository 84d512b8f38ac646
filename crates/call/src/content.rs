//! What the head says about the body, against what the route needs of it.

use crate::{adapter::BodyNeed, catalog::BodyRule, error::CallError, head::RequestHead};

/// # Errors
/// A body that is announced and cannot be right.
pub(crate) fn check(rule: BodyRule, head: &RequestHead<'_>) -> Result<(), CallError> {
    let announced = head.content_length().unwrap_or(0);
    let fits = |max: usize| usize::try_from(announced).is_ok_and(|announced| announced <= max);
    match rule.need {
        BodyNeed::None if announced > 0 => Err(CallError::BodyNotAllowed),
        BodyNeed::None | BodyNeed::Ignore => Ok(()),
        BodyNeed::Whole { max } if !fits(max) => Err(CallError::BodyTooLarge { max }),
        BodyNeed::Prefix { .. } | BodyNeed::Whole { .. } => {
            if head.content_encoding().is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
                Err(CallError::BodyEncodingRefused)
            } else if rule.json && !head.content_type().is_some_and(is_json) {
                Err(CallError::BodyTypeRefused { expected: "application/json" })
            } else {
                Ok(())
            }
        }
    }
}

/// `application/json` itself, with no parameter but `charset=utf-8`.
pub(crate) fn is_plain_json(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json") && is_json(value)
}

/// `application/json` or `application/...+json`, with no parameter but `charset=utf-8`: with another one the backend
/// might decode other characters than were read here.
fn is_json(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix(b"application/") else { return false };
    let is_json = subtype == b"json"
        || subtype.strip_suffix(b"+json").is_some_and(|name| {
            !name.is_empty()
                && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+' | b'_'))
        });
    let is_utf8 = |parameter: &[u8]| {
        parameter.eq_ignore_ascii_case(b"charset=utf-8")
            || parameter.eq_ignore_ascii_case(b"charset=\"utf-8\"")
    };
    match (parts.next(), parts.next()) {
        (None, _) => is_json,
        (Some(parameter), None) => is_json && is_utf8(parameter),
        (Some(_), Some(_)) => false,
    }
}
