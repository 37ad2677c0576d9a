//! Rows in PostgreSQL's binary COPY format: what the server reads fastest, and nothing to escape.

use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The oid of `text`.
const TEXT: i32 = 25;
/// Seconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH: i64 = 946_684_800;

/// The rows of one COPY.
pub(crate) struct Rows {
    bytes: Vec<u8>,
    columns: i16,
}

impl Rows {
    pub(crate) fn new(columns: i16) -> Self {
        // Signature, no flags, no extension.
        let bytes = [SIGNATURE, &[0; 8]].concat();
        Self { bytes, columns }
    }

    /// Begins a row; its columns follow, each once, in order.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.put(&self.columns.to_be_bytes())
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.put(&(-1_i16).to_be_bytes());
        self.bytes
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.put(&(-1_i32).to_be_bytes())
    }

    pub(crate) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.field(value.as_bytes())
    }

    pub(crate) fn int(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(crate) fn long(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.field(&[u8::from(value)])
    }

    /// `timestamptz`, from a Unix time in seconds.
    pub(crate) fn time(&mut self, second: i64) -> &mut Self {
        self.field(&((second - EPOCH) * 1_000_000).to_be_bytes())
    }

    /// `numeric` of eight places, from 0.00001 degrees; not negative, below 10,000.
    pub(crate) fn degrees(&mut self, value: i64) -> &mut Self {
        // Digits of base 10,000: the whole degrees, then twice four places.
        let (whole, places) = (value / 100_000, value % 100_000 * 1000);
        let (number, weight, sign, scale) = (3, 0, 0, 8);
        self.size(14);
        for part in [number, weight, sign, scale, whole, places / 10_000, places % 10_000] {
            self.put(&i16::try_from(part).unwrap_or_default().to_be_bytes());
        }
        self
    }

    /// `text[]`.
    pub(crate) fn texts(&mut self, values: &[&str]) -> &mut Self {
        let count = values.len() as i32;
        let mut array = Vec::new();
        let dimensions = i32::from(count > 0);
        for part in [dimensions, 0, TEXT] {
            array.extend(part.to_be_bytes());
        }
        if count > 0 {
            array.extend(count.to_be_bytes());
            array.extend(1_i32.to_be_bytes());
        }
        for value in values {
            array.extend((value.len() as i32).to_be_bytes());
            array.extend(value.as_bytes());
        }
        self.field(&array)
    }

    /// What `write` writes, or null.
    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.size(bytes.len()).put(bytes)
    }

    fn size(&mut self, bytes: usize) -> &mut Self {
        self.put(&(bytes as i32).to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_a_numeric_of_eight_places() {
        let mut rows = Rows::new(1);
        rows.bytes.clear();
        rows.degrees(4_737_768);
        // 47.3776 8000
        let parts: [i16; 7] = [3, 0, 0, 8, 47, 3776, 8000];
        let mut expected = 14_i32.to_be_bytes().to_vec();
        expected.extend(parts.into_iter().flat_map(i16::to_be_bytes));
        assert_eq!(rows.finish()[..18], expected);
    }
}
