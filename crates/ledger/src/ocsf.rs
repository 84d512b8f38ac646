//! OCSF: the class API Activity (6003) of the category Application Activity, with the profiles `security_control` and
//! `trace`. A test holds it to the published schema of this version.

use serde_json::{Value, json};

use crate::{
    event::{Event, Kind, Members, Place},
    outcome::Outcome,
    record::{Decided, Decision},
    trace::hex,
};

/// The version of the schema: the last one that is released.
pub const OCSF_VERSION: &str = "1.8.0";

const CATEGORY: u64 = 6;
const CLASS: u64 = 6003;

/// What was done about it, in OCSF's numbers.
struct Verdict {
    action: u64,
    disposition: u64,
    status: u64,
    severity: u64,
}

/// The methods that OCSF knows; APIs have others, such as LIST.
const METHODS: [&str; 9] = ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH"];

const INFORMATIONAL: u64 = 1;
const LOW: u64 = 2;
const MEDIUM: u64 = 3;
const UNKNOWN: u64 = 0;
const SUCCESS: u64 = 1;
const FAILURE: u64 = 2;
const ALLOWED: u64 = 1;
const DENIED: u64 = 2;
const OBSERVED: u64 = 3;

/// An event as an API Activity. A loss is no activity of anybody's, and has no place here.
pub fn api_activity(event: &Event<'_>) -> Option<Value> {
    if event.kind == Kind::Lost {
        return None;
    }
    let record = event.record;
    let asked = &record.attempted;
    let verdict = verdict(event);
    let action = event.action();
    let activity = activity(event.call.is_some(), &action);
    let mut told = Members::default();
    told.add("category_uid", json!(CATEGORY));
    told.add("class_uid", json!(CLASS));
    told.add("activity_id", json!(activity));
    if activity == 99 {
        told.add("activity_name", json!(action));
    }
    told.add("type_uid", json!(CLASS.saturating_mul(100).saturating_add(activity)));
    told.add("severity_id", json!(verdict.severity));
    told.add("time", json!(event.time().millis()));
    told.add("action_id", json!(verdict.action));
    told.add("disposition_id", json!(verdict.disposition));
    told.add("status_id", json!(verdict.status));
    told.add("message", json!(format!("{} {action}", event.kind.as_str())));
    told.add("metadata", metadata(event));

    let mut actor = Members::default();
    if let Some(subject) = &asked.subject {
        actor.add("user", json!({ "uid": subject }));
    }
    match &asked.actor {
        Some(agent) => actor.add("app_uid", json!(agent)),
        None => actor.add("app_name", json!("unknown")),
    }
    told.object("actor", actor);
    // Who asked, as far as that was proved. A record holds no addresses.
    told.add("src_endpoint", json!({ "name": asked.actor.as_deref().unwrap_or("unknown") }));
    let mut to = Members::default();
    to.some("hostname", asked.authority.as_ref().filter(|host| !host.is_empty()));
    to.some("svc_name", record.service.as_ref());
    told.object("dst_endpoint", to);

    let mut api = Members::default();
    api.add("operation", json!(action));
    if let Some(service) = &record.service {
        api.add("service", json!({ "name": service }));
    }
    api.add("request", json!({ "uid": event.key }));
    if let Some(response) = response(event) {
        api.add("response", response);
    }
    told.object("api", api);
    if let Some(call) = event.call {
        told.add("resources", json!([resource(&call.resource)]));
    }
    http(event, &mut told);
    told.add("trace", trace(event));
    if event.kind == Kind::Decided
        && let Some(decided) = &record.decided
    {
        told.some("status_code", decided.reason.as_ref());
        told.some("status_detail", decided.detail.as_ref());
        told.add("authorizations", authorizations(decided, record.bundle.as_deref()));
    }
    if event.kind == Kind::Executed {
        told.add("status_code", json!(record.executed.status.to_string()));
        told.some("duration", record.executed.duration_ms.as_ref());
    }
    told.object("unmapped", unmapped(event));
    Some(told.into_value())
}

fn verdict(event: &Event<'_>) -> Verdict {
    let one = |action, disposition, status, severity| Verdict { action, disposition, status, severity };
    match event.kind {
        // Logged.
        Kind::Attempted | Kind::Lost => one(OBSERVED, 17, UNKNOWN, INFORMATIONAL),
        Kind::Approved => one(ALLOWED, 8, SUCCESS, INFORMATIONAL),
        Kind::Executed => match event.outcome {
            Outcome::Succeeded => one(ALLOWED, 1, SUCCESS, INFORMATIONAL),
            Outcome::Failed => one(ALLOWED, 1, FAILURE, LOW),
            Outcome::Unknown | Outcome::Open | Outcome::NotExecuted => one(ALLOWED, 1, UNKNOWN, MEDIUM),
        },
        Kind::Decided => match event.record.decided.as_ref() {
            None => one(OBSERVED, 17, UNKNOWN, INFORMATIONAL),
            Some(decided) => match decided.decision {
                Decision::Allow => one(ALLOWED, 1, SUCCESS, INFORMATIONAL),
                // Let through although a policy forbids it.
                Decision::Observe => one(OBSERVED, 1, SUCCESS, MEDIUM),
                // Challenge.
                Decision::Hold => one(DENIED, 23, FAILURE, LOW),
                Decision::Deny => match decided.status {
                    // Unauthorized, Error, Blocked.
                    Some(401) => one(DENIED, 26, FAILURE, MEDIUM),
                    Some(500..) => one(DENIED, 27, FAILURE, MEDIUM),
                    Some(_) | None => one(DENIED, 2, FAILURE, MEDIUM),
                },
            },
        },
    }
}

/// 1 Create, 2 Read, 3 Update, 4 Delete, 99 other: by the last word of an action, or by HTTP's method.
fn activity(is_call: bool, action: &str) -> u64 {
    let word = action.rsplit('.').next().unwrap_or(action);
    match word {
        "create" => 1,
        "read" | "get" | "head" | "list" | "fetch" | "pull" | "probe" | "ping" => 2,
        "update" | "write" | "put" | "patch" => 3,
        "delete" => 4,
        "post" if !is_call => 1,
        _ => 99,
    }
}

fn metadata(event: &Event<'_>) -> Value {
    let mut told = Members::default();
    told.add("version", json!(OCSF_VERSION));
    told.add("profiles", json!(["security_control", "trace"]));
    told.add(
        "product",
        json!({ "name": "Actgate", "vendor_name": "Actgate", "version": env!("CARGO_PKG_VERSION") }),
    );
    told.add("uid", json!(event.id()));
    told.add("correlation_uid", json!(event.key));
    told.add("event_code", json!(event.kind.as_str()));
    if let Place::Stored { gateway, emitter, sequence } = event.place {
        told.add("sequence", json!(sequence));
        told.add("log_name", json!(gateway));
        told.add("log_provider", json!(emitter));
    }
    told.into_value()
}

/// A resource as records write it: `Git::Ref::"payments/refs/heads/main"`.
fn resource(text: &str) -> Value {
    match text.split_once("::\"") {
        Some((kind, id)) => {
            json!({ "type": kind, "uid": id.strip_suffix('"').unwrap_or(id) })
        }
        None => json!({ "uid": text }),
    }
}

fn response(event: &Event<'_>) -> Option<Value> {
    let decided = event.record.decided.as_ref().filter(|_| event.kind == Kind::Decided);
    let code = match event.kind {
        Kind::Executed => Some(event.record.executed.status),
        Kind::Decided => decided?.status,
        Kind::Attempted | Kind::Approved | Kind::Lost => None,
    }?;
    let mut told = Members::default();
    told.add("code", json!(code));
    told.some("error", decided.and_then(|decided| decided.reason.as_ref()));
    Some(told.into_value())
}

fn http(event: &Event<'_>, told: &mut Members) {
    let (asked, executed) = (&event.record.attempted, &event.record.executed);
    let mut request = Members::default();
    request.some("http_method", asked.method.as_ref().filter(|method| METHODS.contains(&method.as_str())));
    if let Some(path) = &asked.path {
        let mut url = Members::default();
        url.add("path", json!(path));
        url.some("hostname", asked.authority.as_ref().filter(|host| !host.is_empty()));
        request.object("url", url);
    }
    if event.kind == Kind::Executed {
        request.some("body_length", executed.request_bytes.as_ref());
        let mut response = Members::default();
        response.add("code", json!(executed.status));
        response.some("body_length", executed.response_bytes.as_ref());
        response.some("latency", executed.duration_ms.as_ref());
        told.object("http_response", response);
    }
    told.object("http_request", request);
}

fn trace(event: &Event<'_>) -> Value {
    let (begun, ended) = (event.record.time.millis(), event.record.ended_at().millis());
    let mut span = Members::default();
    span.add("uid", json!(hex(&event.span)));
    span.add("operation", json!(event.action()));
    span.add("start_time", json!(begun));
    span.add("end_time", json!(ended));
    span.some("parent_uid", event.trace.parent.map(|parent| hex(&parent)).as_ref());
    json!({ "uid": hex(&event.trace.trace), "span": span.into_value() })
}

fn authorizations(decided: &Decided, bundle: Option<&str>) -> Value {
    let decision = decided.decision.as_str();
    if decided.policies.is_empty() {
        return json!([{ "decision": decision }]);
    }
    let of_policy = |policy: &String| {
        let mut told = Members::default();
        told.add("uid", json!(policy));
        told.some("version", bundle.as_ref());
        json!({ "decision": decision, "policy": told.into_value() })
    };
    decided.policies.iter().map(of_policy).collect()
}

/// What OCSF has no place for.
fn unmapped(event: &Event<'_>) -> Members {
    let record = event.record;
    let asked = &record.attempted;
    let mut told = Members::default();
    told.add("outcome", json!(event.outcome.as_str()));
    told.add("stage", json!(record.stage));
    told.some("bundle", record.bundle.as_ref());
    told.some("http_method", asked.method.as_ref().filter(|method| !METHODS.contains(&method.as_str())));
    told.some("task", asked.task.as_ref());
    told.some("ticket", asked.ticket.as_ref());
    told.some("jti", asked.jti.as_ref());
    told.list("chain", &asked.chain);
    if let Some(call) = event.call {
        told.add("call", json!({ "index": event.index, "of": record.calls(), "arguments": call.arguments }));
    }
    if let Some(approved) = record.approved.as_ref().filter(|_| event.kind == Kind::Approved) {
        told.add("approval", json!(approved.id));
        told.add("grant", json!(approved.grant));
        told.add("groups", json!(approved.groups));
        told.add("approvers", json!(approved.approvers));
    }
    if let Some(decided) = record.decided.as_ref().filter(|_| event.kind == Kind::Decided) {
        told.some("latency_us", decided.latency_us.as_ref());
        told.list("groups", &decided.groups);
        told.some("approval", decided.approval.as_ref());
    }
    if event.kind == Kind::Executed {
        told.some("upstream", record.executed.upstream.as_ref());
        told.some("details", record.executed.details.as_ref());
        told.some("flags", record.executed.flags.as_ref());
        if let Some(answered) = record.answered.get("outcome") {
            told.add("answered", answered.clone());
        }
    }
    told
}
