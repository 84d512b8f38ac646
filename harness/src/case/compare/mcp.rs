//! Refusals in MCP's words: a tool's result that is an error, or an error of JSON-RPC.

use serde_json::Value;

use super::{Findings, challenged, problem};
use crate::case::engine::{Exchange, Outcome};

/// The answer to every request of the message, with the problem document in it.
pub(super) fn refusal(exchange: &Exchange, answer: &Value, outcome: &Outcome, findings: &mut Findings) {
    let media = outcome.header("content-type").next().unwrap_or_default();
    findings.equal("/expect", "content type of a refusal", "application/json", media);
    challenged(outcome.status, "Bearer", outcome, findings);
    let asked: Value =
        serde_json::from_slice(exchange.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let (asked, answers): (Vec<&Value>, Vec<&Value>) = match (&asked, answer) {
        (Value::Array(asked), Value::Array(answers)) => (
            asked.iter().filter(|message| message.get("method").is_some()).collect(),
            answers.iter().collect(),
        ),
        (asked, answer) => (vec![asked], vec![answer]),
    };
    for (asked, answer) in asked.iter().filter(|asked| asked.get("id").is_some()).zip(&answers) {
        let (wanted, came) = (asked.get("id"), answer.get("id"));
        let is_right = came == wanted || (outcome.status != 200 && came == Some(&Value::Null));
        findings.holds("id of the answer", is_right, "the request's", format!("{came:?}"));
    }
    for answer in answers {
        findings.holds("`jsonrpc`", answer.get("jsonrpc") == Some(&Value::from("2.0")), "2.0", answer);
        match answer.pointer("/result") {
            Some(result) => {
                findings.holds("status of a result", outcome.status == 200, "200", outcome.status);
                findings.holds(
                    "`isError`",
                    result.get("isError") == Some(&Value::Bool(true)),
                    "true",
                    result,
                );
                let text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
                let document: Value = serde_json::from_str(text).unwrap_or_default();
                problem(&document, outcome, findings);
                // Left out where a tool has an output schema.
                let same = result.get("structuredContent").is_none_or(|structured| *structured == document);
                findings.holds("structured content of a result", same, "the text", result);
            }
            None => problem(answer.pointer("/error/data").unwrap_or(&Value::Null), outcome, findings),
        }
    }
}
