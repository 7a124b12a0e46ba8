//! Any bytes as a payload: decoded or refused, never a panic, never more than the limit; what is decoded normalises.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use transect_normalize::{Normalizer, Options, Origin, decode_within};

/// Made once, as the forwarder does: its tables take longer than most inputs.
static NORMALIZER: LazyLock<Normalizer> = LazyLock::new(|| Normalizer::new(&Options::default()));

fuzz_target!(|bytes: &[u8]| {
    const DECODED_BYTES_MAX: usize = 1 << 20;
    let Ok(payload) = decode_within(bytes, DECODED_BYTES_MAX) else { return };
    let origin = Origin { region: "us-east-2", account: None, now_unix_nano: 0 };
    for document in payload.documents() {
        let mut whole = 0;
        NORMALIZER.normalize(document, &origin, &mut |record| whole += usize::from(!record.event_id.contains('/')));
        // Ids of a hostile payload may hold a slash themselves, so there may be fewer than events, never more.
        assert!(whole <= document.event_count());
    }
});
