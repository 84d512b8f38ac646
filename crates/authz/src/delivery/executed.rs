//! What became of a request, as the proxy's own log writes it.

/// The member `executed` of a record, and all that it is made of. Gateways send the record that their proxy's access log
/// prints, byte for byte, so the form is that of the log's format in `envoy/demo.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executed {
    /// What the client was answered with; 0 where no answer was sent.
    pub status: u16,
    /// Why, in the proxy's words.
    pub details: String,
    /// The proxy's marks.
    pub flags: String,
    /// Where it was sent; empty where it was not.
    pub upstream: String,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
    /// From the first byte to the last.
    pub duration_ms: u64,
}

/// The marks of Envoy's log, by their bit in `response.flags` (`CoreResponseFlag` in `envoy/stream_info/stream_info.h`).
const FLAGS: [&str; 30] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX",
    "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR", "UDO",
];

// === impl Executed ===

impl Executed {
    /// The names of the marks that a proxy gives as bits. A bit that has no name here is left out.
    pub fn flags_of(bits: u64) -> String {
        let names = FLAGS.iter().enumerate();
        let set: Vec<&str> = names.filter(|(bit, _)| (bits >> bit) & 1 == 1).map(|(_, name)| *name).collect();
        if set.is_empty() { "-".to_owned() } else { set.join(",") }
    }

    /// The bits of marks, as [`Self::flags_of`] names them.
    pub fn bits_of(flags: &str) -> u64 {
        let bit = |flag: &str| FLAGS.iter().position(|name| *name == flag);
        flags.split(',').filter_map(bit).fold(0, |bits, bit| bits | (1 << bit))
    }

    /// Completes a record that lacks only its end.
    pub fn complete(&self, open_record: &str) -> String {
        let Self { status, details, flags, upstream, request_bytes, response_bytes, duration_ms } = self;
        let (details, upstream) = (plain(details), plain(upstream));
        format!(
            "{open_record},\"executed\":{{\"status\":{status},\"details\":\"{details}\",\"flags\":\"{flags}\",\
             \"upstream\":\"{upstream}\",\"request_bytes\":{request_bytes},\"response_bytes\":{response_bytes},\
             \"duration_ms\":{duration_ms}}}}}"
        )
    }
}

/// A field of an access log holds no space; and what would end a JSON string, which the proxy does not say, is not said
/// here either.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_whitespace() => '_',
        '"' | '\\' => '\'',
        c if c.is_control() => '_',
        c => c,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests;
