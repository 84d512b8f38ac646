//! The ABI's form of a header map: a count, the sizes of all names and values, then the bytes, each ended by a NUL.

/// Envoy's bounds (proxy-wasm-cpp-host, `limits.h`).
const MAX_BYTES: usize = 1024 * 1024;
const MAX_PAIRS: usize = 1024;

/// A name and a value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The block of some fields.
pub(super) fn serialize<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let mut block = Vec::new();
    push_size(&mut block, pairs.clone().count());
    for (name, value) in pairs.clone() {
        push_size(&mut block, name.len());
        push_size(&mut block, value.len());
    }
    for (name, value) in pairs {
        block.extend_from_slice(name);
        block.push(0);
        block.extend_from_slice(value);
        block.push(0);
    }
    block
}

/// The fields of a block; none where it is malformed, which is what Envoy makes of one.
pub(super) fn parse(block: &[u8]) -> Vec<Pair> {
    if block.len() > MAX_BYTES { Vec::new() } else { parse_checked(block).unwrap_or_default() }
}

fn parse_checked(block: &[u8]) -> Option<Vec<Pair>> {
    let count = size_at(block, 0)?;
    if count > MAX_PAIRS {
        return None;
    }
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut pairs = Vec::with_capacity(count);
    for index in 0..count {
        let sizes = index.checked_mul(8)?.checked_add(4)?;
        let name = take(block, &mut at, size_at(block, sizes)?)?;
        let value = take(block, &mut at, size_at(block, sizes.checked_add(4)?)?)?;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn push_size(block: &mut Vec<u8>, size: usize) {
    // Wasm memory has 32 bits: what is longer cannot be given to a module, and giving it fails.
    block.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
}

fn size_at(block: &[u8], at: usize) -> Option<usize> {
    let bytes = block.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn take(block: &[u8], at: &mut usize, size: usize) -> Option<Vec<u8>> {
    let end = at.checked_add(size)?;
    let bytes = block.get(*at..end)?.to_vec();
    // The NUL has to be there.
    if block.get(end) != Some(&0) {
        return None;
    }
    *at = end.checked_add(1)?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
