//! What a script can do.

use crate::{host, state::STATE};

/// Runs a callback; what it returns to the host.
pub(crate) fn callback(id: u32, name: &'static str, arguments: &str, end: bool) -> u32 {
    speak_for(id);
    host::trace(format!("{name} {arguments}").trim_end());
    let operations = STATE.with_borrow_mut(|state| {
        let context = state.contexts.entry(id).or_default();
        let count = context.counts.entry(name).or_default();
        *count += 1;
        let (scenario, count) = (context.scenario.clone(), *count);
        let own = context.script.as_ref();
        own.unwrap_or(&state.script).operations(&scenario, name, count, end)
    });
    let mut result = 0;
    for operation in operations {
        match operation.strip_prefix("return ") {
            Some(value) => result = value.parse().expect("a number"),
            None => host::trace(&format!("  {operation} -> {}", run(id, &operation))),
        }
    }
    result
}

/// Has the following lines marked as those of a context.
pub(crate) fn speak_for(id: u32) {
    let tag = STATE.with_borrow(|state| state.contexts.get(&id).map(|context| context.tag.clone()));
    host::tag(&tag.unwrap_or_default());
}

fn run(id: u32, operation: &str) -> String {
    let words: Vec<&str> = operation.split(' ').collect();
    match words.as_slice() {
        ["get", map, name] => shown(host::header(number(map), name)),
        ["pairs", map] => pairs(number(map)),
        ["add", map, name, value] => host::add(number(map), name, value).to_string(),
        ["replace", map, name, value] => host::replace(number(map), name, value).to_string(),
        ["remove", map, name] => host::remove(number(map), name).to_string(),
        ["assign", map, name, value] => {
            // Keeps what a message cannot do without, nor Envoy's router.
            let needed = |name: &[u8]| name.starts_with(b":") || name == b"x-forwarded-proto";
            let mut fields: Vec<(Vec<u8>, Vec<u8>)> =
                host::pairs(number(map)).1.into_iter().filter(|(name, _)| needed(name)).collect();
            fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            host::assign(number(map), &fields).to_string()
        }
        ["joins", map, names] => {
            names.split(',').map(|name| joins(number(map), name)).collect::<Vec<_>>().join(" ")
        }
        ["body", kind, start, length] => shown(host::buffer(number(kind), number(start), number(length))),
        ["put", kind, start, length] => {
            host::put(number(kind), number(start), number(length), "").to_string()
        }
        ["put", kind, start, length, text] => {
            host::put(number(kind), number(start), number(length), text).to_string()
        }
        ["fill", kind, size] => {
            host::put(number(kind), 0, 0, &"x".repeat(size.parse().expect("a size"))).to_string()
        }
        ["reply", status] => host::reply(number(status), "probe details", "", &[], u32::MAX).to_string(),
        ["reply", status, body] => host::reply(number(status), "probe", body, &[], u32::MAX).to_string(),
        ["reply", status, body, name, value] => {
            let fields = [(name.as_bytes().to_vec(), value.as_bytes().to_vec())];
            host::reply(number(status), "probe", body, &fields, u32::MAX).to_string()
        }
        ["reply-grpc", status, grpc, body] => {
            host::reply(number(status), "probe", body, &[], number(grpc)).to_string()
        }
        ["continue", kind] => host::continue_stream(number(kind)).to_string(),
        ["close", kind] => host::close_stream(number(kind)).to_string(),
        ["property", path] => shown(host::property(&path.replace('/', "\0"))),
        ["set-property", path, value] => host::set_property(&path.replace('/', "\0"), value).to_string(),
        ["call", cluster, path, timeout] => {
            let (status, token) = host::call(cluster, path, number(timeout));
            if status == 0 {
                STATE.with_borrow_mut(|state| state.calls.insert(token, id));
            }
            status.to_string()
        }
        ["status"] => host::status(),
        ["data", key] => {
            let (status, value, cas) = host::shared_data(key);
            format!("{} cas={}", shown((status, value)), cas != 0)
        }
        ["set-data", key, value, cas] => host::set_shared_data(key, value, number(cas)).to_string(),
        ["cas", key, value] => {
            let (_, _, cas) = host::shared_data(key);
            host::set_shared_data(key, value, cas).to_string()
        }
        ["queue", name, value] => queue(name, value),
        ["metric", kind, name, offset] => metric(number(kind), name, offset.parse().expect("a number")),
        ["foreign", name, hex] => shown(host::foreign(name, &bytes(hex))),
        ["tick", period] => {
            STATE.with_borrow_mut(|state| state.timers.push(id));
            host::set_tick_period(number(period)).to_string()
        }
        ["log-level"] => host::log_level().to_string(),
        ["effective", id] => host::set_effective_context(number(id)).to_string(),
        ["done"] => host::done().to_string(),
        ["trap"] => core::arch::wasm32::unreachable(),
        ["overflow"] => depth(1).to_string(),
        ["no-memory"] => {
            host::refuse_memory();
            String::new()
        }
        ["memory-trap"] => {
            host::trap_on_memory();
            String::new()
        }
        _ => panic!("no operation: {operation}"),
    }
}

/// Whether a second value is joined to the first.
fn joins(map: u32, name: &str) -> String {
    host::remove(map, name);
    host::add(map, name, "1");
    host::add(map, name, "2");
    let joined = host::header(map, name).1.len() > 1;
    host::remove(map, name);
    format!("{name}={joined}")
}

/// Until there is no stack.
#[expect(unconditional_recursion, reason = "that is the point")]
fn depth(level: u64) -> u64 {
    std::hint::black_box(depth(std::hint::black_box(level + 1)) + level)
}

/// The fields of a map that scripts and requests make: the proxy adds its own.
fn pairs(map: u32) -> String {
    let (status, fields) = host::pairs(map);
    let own = fields.iter().filter(|(name, _)| name.starts_with(b"x-p") || name.starts_with(b":st"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let shown: Vec<String> = own.map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    format!("{status} [{}]", shown.join(" "))
}

fn queue(name: &str, value: &str) -> String {
    let (before, _) = host::resolve_queue("", name);
    let (registered, token) = host::register_queue(name);
    let (resolved, same) = host::resolve_queue("", name);
    let (empty, _) = host::dequeue(token);
    let put = host::enqueue(token, value);
    let (taken, got) = host::dequeue(token);
    let (unknown, _) = host::dequeue(4_000_000);
    let same = same == token;
    format!("{before} {registered} {resolved} {same} {empty} {put} {} {unknown}", shown((taken, got)))
}

fn metric(kind: u32, name: &str, offset: i64) -> String {
    let (defined, id) = host::define_metric(kind, name);
    let incremented = host::increment_metric(id, offset);
    let (read, value) = host::metric(id);
    let recorded = host::record_metric(id, 7);
    let (_, after) = host::metric(id);
    let (unknown, _) = host::metric(id.wrapping_add(4000));
    format!("{defined} {incremented} {read} {value} {recorded} {after} {unknown}")
}

fn shown((status, value): (u32, Vec<u8>)) -> String {
    let text = String::from_utf8_lossy(&value);
    if value.len() > 80 {
        format!("{status} {} bytes", value.len())
    } else {
        format!("{status} `{}`", text.escape_debug())
    }
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|digit| (digit as char).to_digit(16).unwrap_or(0) as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect()
}
