//! The ABI's form of a header map: a count, then the sizes of all names and values, then the bytes, each ended by a NUL.

use std::ops::Range;

/// A header map as one block, borrowed from rather than copied out of.
#[derive(Debug)]
pub struct Pairs {
    block: Vec<u8>,
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Pairs {
    /// Reads a block; `None` if its sizes do not add up.
    pub(crate) fn parse(block: Vec<u8>) -> Option<Self> {
        if block.is_empty() {
            return Some(Self { block, places: Vec::new() });
        }
        let count = size_at(&block, 0)?;
        let mut cursor = count.checked_mul(8)?.checked_add(4)?;
        if cursor > block.len() {
            return None;
        }
        let mut places = Vec::with_capacity(count);
        for index in 0..count {
            let sizes = index.checked_mul(8)?.checked_add(4)?;
            let name = take(&mut cursor, size_at(&block, sizes)?)?;
            let value = take(&mut cursor, size_at(&block, sizes.checked_add(4)?)?)?;
            // The last NUL may be left out by a host; everything before it may not.
            if value.end > block.len() {
                return None;
            }
            places.push((name, value));
        }
        Some(Self { block, places })
    }

    /// The fields in order, as bytes.
    pub fn fields(&self) -> Vec<(&[u8], &[u8])> {
        let fields = self.places.iter().filter_map(|(name, value)| {
            Some((self.block.get(name.clone())?, self.block.get(value.clone())?))
        });
        let mut all = Vec::with_capacity(self.places.len());
        all.extend(fields);
        all
    }
}

fn size_at(block: &[u8], at: usize) -> Option<usize> {
    let bytes = block.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn take(cursor: &mut usize, size: usize) -> Option<Range<usize>> {
    let start = *cursor;
    let end = start.checked_add(size)?;
    *cursor = end.checked_add(1)?;
    Some(start..end)
}

/// The same form, of fields that the module sends.
pub(crate) fn serialize(fields: &[(String, String)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    // Two sizes and two NULs of each field.
    let bytes = fields.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(10));
    let mut block = Vec::with_capacity(bytes.fold(4, usize::saturating_add));
    block.extend_from_slice(&u32::try_from(fields.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (name, value) in fields {
        block.extend_from_slice(&size(name));
        block.extend_from_slice(&size(value));
    }
    for (name, value) in fields {
        block.extend_from_slice(name.as_bytes());
        block.push(0);
        block.extend_from_slice(value.as_bytes());
        block.push(0);
    }
    block
}
