//! Documents into Firehose records and records into calls: full records, because Firehose bills each one rounded up to
//! 5 KB, and never one byte or one record more than a call takes.
//!
//! It refuses to know what a document says, and to send.

/// Bytes of a record before base64 (Firehose quotas: 1,000 KiB).
pub const RECORD_BYTES_MAX: usize = 1_000 << 10;

/// Records of a PutRecordBatch call (Firehose quotas).
pub const CALL_RECORDS_MAX: usize = 500;

/// Bytes of all records of a PutRecordBatch call (Firehose quotas: 4 MiB).
pub const CALL_BYTES_MAX: usize = 4 << 20;

/// Firehose's price counts each record as a multiple of this.
pub const BILLED_STEP_BYTES: usize = 5 << 10;

/// What one PutRecordBatch call carries: records of newline-separated JSON documents.
pub type Call = Vec<Vec<u8>>;

/// Fills records and calls. Documents keep their order.
#[derive(Debug, Default)]
pub struct Packer {
    record: Vec<u8>,
    call: Call,
    call_bytes: usize,
    billed_bytes: u64,
}

/// A document that no record can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Packer {
    /// Adds what `write` appends, and a line feed. Returns a call when one is full.
    ///
    /// # Errors
    /// [`TooLarge`] if the document does not fit into a record of its own; then it was not added.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Option<Call>, TooLarge> {
        let start = self.record.len();
        write(&mut self.record);
        self.record.push(b'\n');
        if self.record.len() <= RECORD_BYTES_MAX {
            return Ok(None);
        }
        let document = self.record.split_off(start);
        if document.len() > RECORD_BYTES_MAX {
            return Err(TooLarge);
        }
        let full = std::mem::replace(&mut self.record, document);
        Ok(self.close(full))
    }

    /// The last calls, one or two, with what is left.
    pub fn finish(&mut self) -> impl Iterator<Item = Call> {
        let last = std::mem::take(&mut self.record);
        let full = if last.is_empty() { None } else { self.close(last) };
        self.call_bytes = 0;
        let rest = std::mem::take(&mut self.call);
        full.into_iter().chain((!rest.is_empty()).then_some(rest))
    }

    /// Bytes that Firehose bills for what was handed out: each record rounded up.
    pub fn billed_bytes(&self) -> u64 {
        self.billed_bytes
    }

    fn close(&mut self, record: Vec<u8>) -> Option<Call> {
        self.billed_bytes += record.len().next_multiple_of(BILLED_STEP_BYTES) as u64;
        let is_full = self.call.len() == CALL_RECORDS_MAX || self.call_bytes + record.len() > CALL_BYTES_MAX;
        let full = is_full.then(|| {
            self.call_bytes = 0;
            std::mem::take(&mut self.call)
        });
        self.call_bytes += record.len();
        self.call.push(record);
        full
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure here is the message")]

    use proptest::prelude::*;

    use super::*;

    fn pack(sizes: &[usize]) -> (Vec<Call>, u64) {
        let mut packer = Packer::default();
        let mut calls = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            calls.extend(packer.push(|out| out.resize(out.len() + size, b'a' + (index % 26) as u8)).unwrap());
        }
        calls.extend(packer.finish());
        (calls, packer.billed_bytes())
    }

    proptest! {
        #[test]
        fn nothing_is_lost_reordered_or_too_large(
            sizes in prop::collection::vec(prop_oneof![1_usize..2_000, 1..RECORD_BYTES_MAX, 1..3_usize], 0..80),
        ) {
            let (calls, billed_bytes) = pack(&sizes);
            let mut documents = Vec::new();
            for call in &calls {
                prop_assert!(!call.is_empty() && call.len() <= CALL_RECORDS_MAX);
                prop_assert!(call.iter().map(Vec::len).sum::<usize>() <= CALL_BYTES_MAX);
                for record in call {
                    prop_assert!(!record.is_empty() && record.len() <= RECORD_BYTES_MAX && record.ends_with(b"\n"));
                    documents.extend(record[..record.len() - 1].split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
                }
            }
            let expected: Vec<Vec<u8>> =
                sizes.iter().enumerate().map(|(index, size)| vec![b'a' + (index % 26) as u8; *size]).collect();
            prop_assert!(documents == expected);
            let records = calls.iter().flatten();
            prop_assert_eq!(billed_bytes, records.map(|record| record.len().div_ceil(5_120) as u64 * 5_120).sum::<u64>());
        }
    }

    #[test]
    fn a_call_ends_at_five_hundred_records() {
        // Two such documents never share a record.
        let (calls, _) = pack(&[RECORD_BYTES_MAX / 2 + 1; 9]);
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [8, 1]);
        let mut packer = Packer::default();
        let calls = (0..=CALL_RECORDS_MAX).filter_map(|_| packer.close(vec![b'\n'])).count();
        assert_eq!((calls, packer.call.len()), (1, 1));
    }

    #[test]
    fn records_and_calls_are_filled_to_the_last_byte() {
        let (calls, billed_bytes) = pack(&[RECORD_BYTES_MAX / 2 - 1; 2]);
        assert_eq!(calls, [vec![calls[0][0].clone()]]);
        assert_eq!((calls[0][0].len(), billed_bytes), (RECORD_BYTES_MAX, RECORD_BYTES_MAX as u64));
    }

    #[test]
    fn a_document_that_no_record_holds_is_refused_and_leaves_the_others_alone() {
        let mut packer = Packer::default();
        packer.push(|out| out.extend_from_slice(b"{}")).unwrap();
        assert_eq!(packer.push(|out| out.resize(out.len() + RECORD_BYTES_MAX, b'x')), Err(TooLarge));
        packer.push(|out| out.extend_from_slice(b"[]")).unwrap();
        assert_eq!(packer.finish().collect::<Vec<_>>(), [vec![b"{}\n[]\n".to_vec()]]);
    }

    #[test]
    fn nothing_gives_no_call() {
        assert_eq!(Packer::default().finish().count(), 0);
    }
}
