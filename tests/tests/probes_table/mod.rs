//! The probes.

use actgate_tests::probes::scenario::{Answer, PROBE, Scenario};

const TWO: &[&str] = &["first", "second"];
const BACK: Answer = Answer::Chunked(&["one", "two"], &[]);
const BACK_TRAILED: Answer = Answer::Chunked(&["one", "two"], &[("x-probe-trailer", "response")]);
const TRAILED: &[(&str, &str)] = &[("x-probe-trailer", "request")];

/// A request with a body in two parts.
const POST: Scenario = Scenario { method: "POST", chunks: TWO, ..PROBE };

/// The same with trailers.
const POST_TRAILED: Scenario = Scenario { trailers: TRAILED, ..POST };

/// A big body: two parts that are less than what may be held, and together more.
const BIG: Scenario =
    Scenario { method: "POST", chunks: &["0123456789", "abcdefghij"], repeat: 1000, ..PROBE };

pub(crate) const SCENARIOS: &[Scenario] = &[
    // --- the order of callbacks ---
    Scenario { name: "order-get", ..PROBE },
    Scenario { name: "order-head", method: "HEAD", ..PROBE },
    Scenario { name: "order-post", ..POST },
    Scenario { name: "order-empty-chunked", method: "POST", chunks: &[""], ..PROBE },
    Scenario { name: "order-trailers", ..POST_TRAILED },
    Scenario { name: "order-only-trailers", method: "POST", trailers: TRAILED, ..PROBE },
    Scenario { name: "order-response", answer: BACK, ..PROBE },
    Scenario { name: "order-response-trailers", answer: BACK_TRAILED, ..PROBE },
    Scenario { name: "order-empty-response", answer: Answer::Text(""), ..PROBE },
    Scenario { name: "order-upstream-closes", answer: Answer::Close, ..PROBE },
    Scenario { name: "order-upstream-silent", answer: Answer::Silence, ..PROBE },
    // --- holding headers and bodies ---
    Scenario { name: "hold-get", script: "request_headers: return 1", ..PROBE },
    Scenario {
        name: "hold-until-end",
        script: "request_headers: return 1
                 request_body: body 0 0 100; return 1
                 request_body end: body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "hold-until-trailers",
        script: "request_headers: return 1
                 request_body: return 1
                 request_trailers: body 0 0 100; pairs 1; return 0",
        ..POST_TRAILED
    },
    Scenario {
        name: "hold-first-chunk",
        script: "request_headers: return 1
                 request_body 1: return 1
                 request_body 2: body 0 0 100; return 0
                 request_body 3: body 0 0 100",
        ..POST
    },
    Scenario {
        name: "hold-on-headers-then-go-on-first-chunk",
        script: "request_headers: return 1
                 request_body 1: body 0 0 100; pairs 0; return 0
                 request_body 2: body 0 0 100; pairs 0; return 0",
        headers: &[("x-probe", "1")],
        ..POST
    },
    Scenario {
        name: "hold-body-only",
        script: "request_body: return 1
                 request_body end: body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "hold-watermark",
        script: "request_headers: return 1
                 request_body: body 0 0 100; return 2
                 request_body end: body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "hold-no-buffer",
        script: "request_headers: return 1
                 request_body: body 0 0 100; return 3
                 request_body end: body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "hold-unknown-status",
        script: "request_headers: return 9
                 request_body: return 9",
        ..POST
    },
    Scenario {
        name: "hold-for-ever",
        script: "request_headers: return 1
                 request_body: return 1",
        ..POST
    },
    Scenario {
        name: "hold-all-without-buffer",
        script: "request_headers: return 4",
        ..POST
    },
    Scenario { name: "hold-two-is-continue", script: "request_headers: return 2", ..POST },
    Scenario {
        name: "hold-trailers",
        script: "request_trailers: return 1",
        ..POST_TRAILED
    },
    Scenario {
        name: "hold-response",
        script: "response_headers: return 1
                 response_body: return 1
                 response_body end: body 1 0 100; pairs 2; return 0",
        answer: BACK,
        ..PROBE
    },
    Scenario {
        name: "hold-response-until-trailers",
        script: "response_headers: return 1
                 response_body: return 1
                 response_trailers: body 1 0 100; pairs 3; return 0",
        answer: BACK_TRAILED,
        ..PROBE
    },
    Scenario {
        name: "hold-response-body-only",
        script: "response_body: return 1
                 response_body end: body 1 0 100; return 0",
        answer: BACK,
        ..PROBE
    },
    Scenario { name: "hold-response-for-ever", script: "response_headers: return 1", answer: BACK, ..PROBE },
    // --- without the knob ---
    Scenario {
        name: "knob-hold-get",
        script: "request_headers: return 1",
        stops_on_headers: false,
        ..PROBE
    },
    Scenario {
        name: "knob-hold-post",
        script: "request_headers: return 1
                 request_body: return 1",
        stops_on_headers: false,
        ..POST
    },
    Scenario {
        name: "knob-hold-body-only",
        script: "request_body: return 1
                 request_body end: body 0 0 100; return 0",
        stops_on_headers: false,
        ..POST
    },
    Scenario {
        name: "knob-hold-and-call",
        script: "request_headers: call answers /q 500; return 1
                 call_response: continue 0
                 request_body: body 0 0 100",
        stops_on_headers: false,
        ..POST
    },
    // --- bodies ---
    Scenario {
        name: "body-parts",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: body 0 0 4; body 0 4 3; body 0 9 100; body 0 11 5; body 0 3 4294967295; return 0",
        ..POST
    },
    Scenario {
        name: "body-elsewhere",
        script: "request_headers: body 0 0 10; body 1 0 10; body 4 0 10; body 6 0 10; body 7 0 10; body 9 0 10
                 request_body: body 1 0 10
                 log: body 0 0 10; body 1 0 10",
        ..POST
    },
    Scenario {
        name: "body-replace",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: put 0 0 100 changed; body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "body-prepend",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: put 0 0 0 before-; body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "body-append",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: put 0 1000 0 -after; body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "body-middle",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: put 0 3 2 xx; body 0 0 100; return 0",
        ..POST
    },
    Scenario {
        name: "body-replace-streaming",
        script: "request_body: put 0 0 100 x",
        ..POST
    },
    Scenario {
        name: "body-drain",
        script: "request_headers: return 1
                 request_body: put 0 0 100; return 1
                 request_body end: return 0",
        ..POST
    },
    Scenario {
        name: "body-drain-streaming",
        script: "request_body: put 0 0 100",
        ..POST
    },
    Scenario {
        name: "body-change-response",
        script: "response_headers: remove 2 content-length; return 1
                 response_body: return 1
                 response_body end: put 1 0 100 changed; return 0",
        ..PROBE
    },
    Scenario {
        name: "body-too-large",
        script: "request_headers: return 1
                 request_body: return 1",
        ..BIG
    },
    Scenario {
        name: "body-too-large-at-once",
        script: "request_headers: return 1
                 request_body 1: fill 0 20000; return 1
                 request_body: return 1",
        ..POST
    },
    Scenario {
        name: "body-too-large-in-streaming",
        script: "request_body: fill 0 20000",
        ..POST
    },
    Scenario {
        name: "body-too-large-response",
        script: "response_headers: return 1
                 response_body: fill 1 20000; return 1",
        answer: BACK,
        ..PROBE
    },
    Scenario {
        name: "body-too-large-response-sent",
        script: "response_body: fill 1 20000; return 1",
        answer: BACK,
        ..PROBE
    },
    // --- header maps ---
    Scenario {
        name: "map-edits",
        script: "request_headers: pairs 0; get 0 X-Probe-A; get 0 x-none; add 0 x-probe-a 3; pairs 0; replace 0 x-probe-a 4; pairs 0; remove 0 x-probe-b; add 0 x-probe-new 1; replace 0 x-probe-newer 2; pairs 0",
        headers: &[("x-probe-a", "1"), ("x-probe-b", "2"), ("x-probe-a", "2")],
        ..PROBE
    },
    Scenario {
        name: "map-joined",
        script: "request_headers: joins 0 accept,accept-charset,accept-encoding,accept-language,access-control-request-headers,access-control-request-method,authorization,cache-control,connection,content-encoding,content-type,cookie,date,dpop,etag,expect,expires,forwarded,from,git-protocol,grpc-accept-encoding,grpc-timeout,if-match,if-modified-since,if-none-match,if-range,if-unmodified-since,keep-alive,last-modified,link,location,max-forwards,mcp-session-id,origin,pragma,prefer,proxy-authorization,proxy-connection,range,referer,server,set-cookie,te,trailer,traceparent,tracestate,upgrade,user-agent,vary,via,warning,www-authenticate,x-api-key,x-b3-traceid,x-forwarded-client-cert,x-forwarded-for,x-forwarded-host,x-forwarded-port,x-forwarded-proto,x-real-ip,x-request-id,x-requested-with,x-vault-token; reply 200 done; return 1",
        ..PROBE
    },
    Scenario {
        name: "map-joined-in-response",
        script: "response_headers: joins 2 accept,accept-ranges,access-control-allow-credentials,access-control-allow-headers,access-control-allow-methods,access-control-allow-origin,access-control-expose-headers,access-control-max-age,age,allow,authorization,cache-control,connection,content-disposition,content-encoding,content-language,content-type,cookie,date,etag,expires,grpc-message,grpc-status,keep-alive,last-modified,link,location,origin,pragma,proxy-connection,proxy-status,referer,retry-after,server,set-cookie,trailer,upgrade,user-agent,vary,via,warning,www-authenticate,x-envoy-upstream-service-time,x-request-id",
        ..PROBE
    },
    Scenario {
        name: "map-joined-in-trailers",
        script: "request_trailers: joins 1 content-type,cookie,etag,grpc-message,grpc-status,via,x-request-id
                 response_trailers: joins 3 content-type,cookie,etag,grpc-message,grpc-status,via,x-request-id",
        answer: BACK_TRAILED,
        ..POST_TRAILED
    },
    Scenario {
        name: "map-assign",
        script: "request_headers: assign 0 x-probe-only 1; pairs 0",
        headers: &[("x-probe-a", "1")],
        ..PROBE
    },
    Scenario {
        name: "map-path",
        script: "request_headers: replace 0 :path /other; replace 0 :method PUT; get 0 :path",
        ..PROBE
    },
    Scenario {
        name: "map-elsewhere",
        script: "request_headers: pairs 1; get 1 x; pairs 2; get 2 x; add 2 x y; pairs 3; get 4 x; pairs 6; get 6 x; pairs 8; get 8 x; add 6 x y
                 request_body: pairs 0; get 0 x-probe; add 0 x-probe-late 1
                 response_headers: pairs 0; get 0 x-probe; pairs 2
                 response_body: pairs 2; get 2 :status
                 log: pairs 0; get 0 x-probe; get 0 x-none; pairs 2; get 2 :status; pairs 1; get 1 x; pairs 3; get 3 x; add 2 x y
                 done: pairs 0; get 0 x-probe
                 delete: pairs 0; get 0 x-probe",
        headers: &[("x-probe", "1")],
        ..POST
    },
    Scenario {
        name: "map-held",
        script: "request_headers: return 1
                 request_body: get 0 x-probe; add 0 x-probe-added yes; return 1
                 request_body end: return 0
                 response_headers: get 0 x-probe",
        headers: &[("x-probe", "1")],
        ..POST
    },
    Scenario {
        name: "map-response",
        script: "response_headers: add 2 x-probe-new 1; replace 2 :status 201; remove 2 server",
        ..PROBE
    },
    Scenario {
        name: "map-trailers",
        script: "request_trailers: get 1 x-probe-trailer; add 1 x-probe-more 1
                 response_trailers: get 3 x-probe-trailer; add 3 x-probe-more 2; remove 3 x-probe-trailer",
        answer: BACK_TRAILED,
        ..POST_TRAILED
    },
    Scenario {
        name: "map-trailers-added",
        script: "request_body end: add 1 x-probe-made 1; pairs 1
                 response_body end: add 3 x-probe-made 2; pairs 3",
        answer: BACK,
        ..POST
    },
    // --- local replies ---
    Scenario { name: "reply-on-headers", script: "request_headers: reply 403 no; return 1", ..PROBE },
    Scenario { name: "reply-on-headers-continue", script: "request_headers: reply 403 no", ..POST },
    Scenario { name: "reply-empty", script: "request_headers: reply 204; return 1", ..PROBE },
    Scenario { name: "reply-head", script: "request_headers: reply 403 no; return 1", method: "HEAD", ..PROBE },
    Scenario {
        name: "reply-headers",
        script: "request_headers: reply 403 no content-type application/json; return 1
                 response_headers: pairs 2; get 2 content-type; get 2 content-length; add 2 x-probe-mine 1
                 response_body: body 1 0 10",
        ..PROBE
    },
    Scenario {
        name: "reply-content-length-is-its-own",
        script: "request_headers: reply 403 no content-length 99; return 1",
        ..PROBE
    },
    Scenario {
        name: "reply-twice",
        script: "request_headers: reply 403 first; reply 404 second; return 1",
        ..PROBE
    },
    Scenario {
        name: "reply-on-body",
        script: "request_headers: return 1
                 request_body: reply 403 no; return 1",
        ..POST
    },
    Scenario {
        name: "reply-on-end",
        script: "request_headers: return 1
                 request_body: return 1
                 request_body end: reply 403 no; return 1",
        ..POST
    },
    Scenario {
        name: "reply-on-body-sent",
        script: "request_body 2: reply 403 no; return 1",
        ..POST
    },
    Scenario {
        name: "reply-on-trailers",
        script: "request_headers: return 1
                 request_body: return 1
                 request_trailers: reply 403 no; return 1",
        ..POST_TRAILED
    },
    Scenario { name: "reply-on-response", script: "response_headers: reply 502 no; return 1", ..PROBE },
    Scenario {
        name: "reply-on-response-body-held",
        script: "response_headers: return 1
                 response_body: reply 502 no; return 1",
        ..PROBE
    },
    Scenario {
        name: "reply-on-response-body-sent",
        script: "response_body: reply 502 no; return 1",
        answer: BACK,
        ..PROBE
    },
    Scenario {
        name: "reply-on-response-trailers",
        script: "response_headers: return 1
                 response_body: return 1
                 response_trailers: reply 502 no; return 1",
        answer: BACK_TRAILED,
        ..PROBE
    },
    Scenario {
        name: "reply-to-own-reply",
        script: "request_headers: reply 403 no; return 1
                 response_headers: reply 500 again; return 1",
        ..PROBE
    },
    Scenario {
        name: "reply-on-log",
        script: "log: reply 403 late",
        exception: Some("Envoy 1.40.0 replies on a stream that it is destroying, and crashes"),
        ..PROBE
    },
    Scenario {
        name: "reply-grpc",
        script: "request_headers: reply-grpc 403 7 not%allowed; return 1",
        headers: &[("content-type", "application/grpc")],
        ..PROBE
    },
    Scenario {
        name: "reply-grpc-by-status",
        script: "request_headers: reply 403 no; return 1",
        headers: &[("content-type", "application/grpc+proto")],
        ..PROBE
    },
    Scenario {
        name: "reply-held-response",
        script: "request_headers: reply 403 no; return 1
                 response_headers: return 1
                 response_body: return 1
                 response_body end: put 1 0 100 no; return 0",
        ..PROBE
    },
    // --- going on and breaking off ---
    Scenario { name: "close-request", script: "request_headers: close 0; return 1", ..PROBE },
    Scenario { name: "close-response", script: "response_headers: close 1", ..PROBE },
    Scenario { name: "close-body", script: "request_body: close 0", ..POST },
    Scenario { name: "stream-kinds", script: "request_headers: continue 2; continue 3; continue 4; close 2; close 3; close 4", ..PROBE },
    // --- callouts ---
    Scenario {
        name: "call-answers",
        script: "request_headers: call answers /q 1000; return 1
                 call_response: status; pairs 6; get 6 :status; body 4 0 100; pairs 0; continue 0; pairs 0",
        headers: &[("x-probe", "1")],
        ..PROBE
    },
    Scenario {
        name: "call-body-held",
        script: "request_headers: return 1
                 request_body end: call answers /q 1000
                 request_body: return 1
                 call_response: body 0 0 100; continue 0",
        ..POST
    },
    Scenario {
        name: "call-then-reply",
        script: "request_headers: call answers /q 1000; return 1
                 call_response: reply 403 no",
        ..PROBE
    },
    Scenario {
        name: "call-closes",
        script: "request_headers: call closes /q 1000; return 1
                 call_response: status; get 6 :status; body 4 0 200; continue 0",
        ..PROBE
    },
    Scenario {
        name: "call-refuses",
        script: "request_headers: call refuses /q 1000; return 1
                 call_response: status; get 6 :status; body 4 0 200; continue 0",
        ..PROBE
    },
    Scenario {
        name: "call-hangs",
        script: "request_headers: call hangs /q 100; return 1
                 call_response: status; get 6 :status; body 4 0 200; continue 0",
        ..PROBE
    },
    Scenario { name: "call-empty", script: "request_headers: call empty /q 100", ..PROBE },
    Scenario { name: "call-nowhere", script: "request_headers: call nowhere /q 100", ..PROBE },
    Scenario { name: "call-without-path", script: "request_headers: call answers - 100", ..PROBE },
    Scenario { name: "call-negative", script: "request_headers: call answers /q 4294967295", ..PROBE },
    Scenario {
        name: "call-twice",
        script: "request_headers: call answers /1 1000; return 1
                 call_response 1: call answers /2 1000
                 call_response 2: continue 0",
        ..PROBE
    },
    Scenario {
        name: "call-on-response",
        script: "response_headers: call answers /q 1000; return 1
                 response_body: return 1
                 call_response: pairs 2; body 1 0 10; continue 1; pairs 2",
        ..PROBE
    },
    // --- shared data, queues, metrics ---
    Scenario {
        name: "data",
        script: "request_headers: data one; set-data one 1 0; data one; set-data one 2 99; cas one 3; data one; set-data once x 4294967295; set-data once y 4294967295; data once; data none",
        ..PROBE
    },
    Scenario { name: "queue", script: "request_headers: queue probes value", ..PROBE },
    Scenario {
        name: "metrics",
        script: "request_headers: metric 0 probe_counter 2; metric 1 probe_gauge -2; metric 1 probe_other 5; metric 2 probe_histogram 1; metric 0 probe_negative -1; metric 0 probe_zero 0; metric 7 probe_none 1",
        ..PROBE
    },
    // --- properties ---
    Scenario {
        name: "property",
        script: "request_headers: property mine; set-property mine value; property mine; property mine/deeper; property plugin_name; property plugin_vm_id; property plugin_root_id; property request/path; property request/method; property request/host; property request/scheme; property request/query; property request/url_path; property request/headers/x-probe; property request/headers/x-none; property none; property request/none; property response/code
                 response_headers: property mine; property response/code; property request/path; property response/headers/x-none
                 log: property mine; property request/path; property response/code; property response/code_details; property request/headers/x-probe
                 done: property mine",
        headers: &[("x-probe", "1"), ("x-probe", "2")],
        ..PROBE
    },
    Scenario {
        name: "property-of-reply",
        script: "request_headers: reply 403; return 1
                 response_headers: property response/code; property response/code_details
                 log: property response/code; property response/code_details; set-property late 1; property late",
        ..PROBE
    },
    Scenario {
        name: "property-parts",
        script: "request_headers: set-property a/b 1; property a/b; property a; property filter_state/wasm.mine; set-property mine 2; property filter_state/wasm.mine",
        ..PROBE
    },
    // 0a 02 72 6f = name "ro", 10 01 = read-only
    Scenario {
        name: "property-declared-by-stream",
        script: "request_headers: foreign declare_property 0a02726f1001; set-property ro 1; set-property ro 2; property ro",
        ..PROBE
    },
    Scenario {
        name: "configure",
        script: "configure: foreign declare_property 0a046f6e63651001",
        ..PROBE
    },
    Scenario {
        name: "property-declared",
        script: "request_headers: set-property once 1; set-property once 2; property once",
        ..PROBE
    },
    // --- foreign functions ---
    Scenario {
        name: "foreign",
        script: "request_headers: foreign nothing 00; foreign verify_signature 00; foreign verify_signature 0a06736861323536; foreign clear_route_cache 00",
        ..PROBE
    },
    // The arguments of `verify_signature` as protobuf: digest, key, signature, text.
    Scenario {
        name: "signature-ec",
        script: "request_headers: foreign verify_signature 0a06736861323536125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-ec-other",
        script: "request_headers: foreign verify_signature 0a06736861323536125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6165",
        ..PROBE
    },
    Scenario {
        name: "signature-ec-sha512",
        script: "request_headers: foreign verify_signature 0a06736861353132125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-ec-empty",
        script: "request_headers: foreign verify_signature 0a06736861323536125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a02300022077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-ec-upper",
        script: "request_headers: foreign verify_signature 0a06534841323536125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-ec-md5",
        script: "request_headers: foreign verify_signature 0a036d6435125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-rsa",
        script: "request_headers: foreign verify_signature 0a0673686132353612a60230820122300d06092a864886f70d01010105000382010f003082010a0282010100d17b94cc96b26bf3a78c3b6889ee61366900eea8e90b78714024990ef49b09dba3544ad1cec773267581be8989c9f8d67320b1d2b49eaed667a9fd4a0183cd65a09a30106274d8004f94b182c263dbfc526aefe2affda3bf7979e420c75b1abc3a11c4664e40c5ef87ea0b18d949921800be2cce26fb87f01b468d6be7c12d88fd69ceaa75b8f2ec8bc530115373402c13954cc0f4213f72a2904154427386c55dbd8705212771728129fb8f39d3b99f6d419373ffc208753acfcb69f80747dfb1f926ebe7d7f48530b5c500f7f1440201080de471ab6b539402708558cbaf0fffcfdcebc7fab2f4e705e1772cce8ed18ef62f9250e4a6c88b89e8f6ba2d087302030100011a80021898ff03a2a70cc2de3b23254d5bac07ad4db1b47d690ff3dd4b12011ec319a752f332f282449e21c6f5516f8e27c2ba2de3ff53affad1979e2e7ab6d47daeeda58b22981620ee99c6e4d994ef3a6788f009508321a90923c78815df9fdf7b38d8cbca5692d1657b53515b92b845e18b9e5f5637210364e89711d2ca6ffcebc8d926a2e0afadface4286f136149b859b5e25f85bf2c913b3207ae5fdd32d69414ea13b7591f8464a0137bc2846ea09e6f762a4bca64806a31c544000354bb38ed636bd75f08d0c1c2f5a6e1aecde80555c02183279eecf38effeafd441359096560af2bbe6460f058324b142ad76560e17065235854f0aacd27dc83aa0c7ebe422077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-rsa-other",
        script: "request_headers: foreign verify_signature 0a0673686132353612a60230820122300d06092a864886f70d01010105000382010f003082010a0282010100d17b94cc96b26bf3a78c3b6889ee61366900eea8e90b78714024990ef49b09dba3544ad1cec773267581be8989c9f8d67320b1d2b49eaed667a9fd4a0183cd65a09a30106274d8004f94b182c263dbfc526aefe2affda3bf7979e420c75b1abc3a11c4664e40c5ef87ea0b18d949921800be2cce26fb87f01b468d6be7c12d88fd69ceaa75b8f2ec8bc530115373402c13954cc0f4213f72a2904154427386c55dbd8705212771728129fb8f39d3b99f6d419373ffc208753acfcb69f80747dfb1f926ebe7d7f48530b5c500f7f1440201080de471ab6b539402708558cbaf0fffcfdcebc7fab2f4e705e1772cce8ed18ef62f9250e4a6c88b89e8f6ba2d087302030100011a80021898ff03a2a70cc2de3b23254d5bac07ad4db1b47d690ff3dd4b12011ec319a752f332f282449e21c6f5516f8e27c2ba2de3ff53affad1979e2e7ab6d47daeeda58b22981620ee99c6e4d994ef3a6788f009508321a90923c78815df9fdf7b38d8cbca5692d1657b53515b92b845e18b9e5f5637210364e89711d2ca6ffcebc8d926a2e0afadface4286f136149b859b5e25f85bf2c913b3207ae5fdd32d69414ea13b7591f8464a0137bc2846ea09e6f762a4bca64806a31c544000354bb38ed636bd75f08d0c1c2f5a6e1aecde80555c02183279eecf38effeafd441359096560af2bbe6460f058324b142ad76560e17065235854f0aacd27dc83aa0c7ebe422077061796c6f6165",
        ..PROBE
    },
    Scenario {
        name: "signature-rsa-short",
        script: "request_headers: foreign verify_signature 0a0673686132353612a60230820122300d06092a864886f70d01010105000382010f003082010a0282010100d17b94cc96b26bf3a78c3b6889ee61366900eea8e90b78714024990ef49b09dba3544ad1cec773267581be8989c9f8d67320b1d2b49eaed667a9fd4a0183cd65a09a30106274d8004f94b182c263dbfc526aefe2affda3bf7979e420c75b1abc3a11c4664e40c5ef87ea0b18d949921800be2cce26fb87f01b468d6be7c12d88fd69ceaa75b8f2ec8bc530115373402c13954cc0f4213f72a2904154427386c55dbd8705212771728129fb8f39d3b99f6d419373ffc208753acfcb69f80747dfb1f926ebe7d7f48530b5c500f7f1440201080de471ab6b539402708558cbaf0fffcfdcebc7fab2f4e705e1772cce8ed18ef62f9250e4a6c88b89e8f6ba2d087302030100011aff011898ff03a2a70cc2de3b23254d5bac07ad4db1b47d690ff3dd4b12011ec319a752f332f282449e21c6f5516f8e27c2ba2de3ff53affad1979e2e7ab6d47daeeda58b22981620ee99c6e4d994ef3a6788f009508321a90923c78815df9fdf7b38d8cbca5692d1657b53515b92b845e18b9e5f5637210364e89711d2ca6ffcebc8d926a2e0afadface4286f136149b859b5e25f85bf2c913b3207ae5fdd32d69414ea13b7591f8464a0137bc2846ea09e6f762a4bca64806a31c544000354bb38ed636bd75f08d0c1c2f5a6e1aecde80555c02183279eecf38effeafd441359096560af2bbe6460f058324b142ad76560e17065235854f0aacd27dc83aa0c7eb22077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-mixed",
        script: "request_headers: foreign verify_signature 0a06736861323536125b3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e8f1a80021898ff03a2a70cc2de3b23254d5bac07ad4db1b47d690ff3dd4b12011ec319a752f332f282449e21c6f5516f8e27c2ba2de3ff53affad1979e2e7ab6d47daeeda58b22981620ee99c6e4d994ef3a6788f009508321a90923c78815df9fdf7b38d8cbca5692d1657b53515b92b845e18b9e5f5637210364e89711d2ca6ffcebc8d926a2e0afadface4286f136149b859b5e25f85bf2c913b3207ae5fdd32d69414ea13b7591f8464a0137bc2846ea09e6f762a4bca64806a31c544000354bb38ed636bd75f08d0c1c2f5a6e1aecde80555c02183279eecf38effeafd441359096560af2bbe6460f058324b142ad76560e17065235854f0aacd27dc83aa0c7ebe422077061796c6f6164",
        ..PROBE
    },
    Scenario {
        name: "signature-bad-key",
        script: "request_headers: foreign verify_signature 0a06736861323536125a3059301306072a8648ce3d020106082a8648ce3d03010703420004f4d23f7b92653a1e69cedcc4837850a08d656bcbaa0369a91239873276f0a4fb10ac272beee00350813b91c7dc9bbf2a2c52f36122b733fed664469ed6f88e1a473045022100d2e1a66fc4abd891536cc9872cc7af59adbf84643ead572409bb6af2bcbbcf45022049f9ea734b3f43ba31e46d9db9f16d6cad749871dd124d3754ebf4f227778a7e22077061796c6f6164",
        ..PROBE
    },
    // --- contexts ---
    Scenario { name: "context", script: "request_headers: effective 1; set-property mine 1; effective 999999; done", ..PROBE },
    Scenario { name: "log-level", script: "request_headers: log-level", ..PROBE },
    // --- failures; each one ends the VM, so they are last ---
    Scenario { name: "trap-on-headers", script: "request_headers: trap", ..PROBE },
    Scenario { name: "after-trap", ..PROBE },
    Scenario { name: "trap-twice", script: "request_headers: trap", again: true, ..PROBE },
    Scenario { name: "trap-on-body", script: "request_headers: return 1
                 request_body 2: trap", ..POST },
    Scenario { name: "trap-on-body-sent", script: "request_body 2: trap", ..POST },
    Scenario { name: "trap-on-trailers", script: "request_trailers: trap", ..POST_TRAILED },
    Scenario { name: "trap-on-response", script: "response_headers: trap", ..PROBE },
    Scenario { name: "trap-on-response-body", script: "response_body: trap", answer: BACK, ..PROBE },
    Scenario { name: "trap-on-response-body-held", script: "response_headers: return 1
                 response_body: trap", answer: BACK, ..PROBE },
    Scenario { name: "trap-on-log", script: "log: trap", ..PROBE },
    Scenario { name: "trap-on-done", script: "done: trap", ..PROBE },
    Scenario { name: "trap-after-reply", script: "request_headers: reply 403 no; trap", ..PROBE },
    Scenario { name: "trap-in-call", script: "request_headers: call answers /q 1000; return 1
                 call_response: trap", ..PROBE },
    Scenario { name: "overflow", script: "request_headers: overflow", ..PROBE },
    Scenario { name: "no-memory", script: "request_headers: no-memory; get 0 x-probe; get 0 x-probe; no-memory; pairs 0; no-memory; property request/path; no-memory; set-property a b; get 0 x-probe", headers: &[("x-probe", "1")], ..PROBE },
    Scenario { name: "memory-trap", script: "request_headers: memory-trap; get 0 x-probe", headers: &[("x-probe", "1")], ..PROBE },
];
