//! What PutRecordBatch takes and refuses: asked of the stand-in always, and of a real stream where `TRANSECT_E2E_AWS=1`
//! is set, with the stream's name in `TRANSECT_E2E_STREAM` and the SDK's own variables. A stand-in that is kinder or
//! stricter than the service fails here.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::world::{STREAM, World};

const LINE: &[u8] = b"{\"time_unix_nano\":0,\"observed_time_unix_nano\":0,\"event_id\":\"conformance\",\"signal\":\"log\",\"schema_version\":1}\n";

fn records(count: usize, bytes: usize) -> Vec<Record> {
    let text = LINE.repeat(bytes / LINE.len() + 1);
    (0..count).map(|_| Record::builder().data(Blob::new(&text[text.len() - bytes..])).build().unwrap()).collect()
}

/// The code of the error, or how many records failed.
async fn put(client: &Client, stream: &str, records: Vec<Record>) -> Result<i32, String> {
    let sent = client.put_record_batch().delivery_stream_name(stream).set_records(Some(records)).send().await;
    sent.map(|output| output.failed_put_count())
        .map_err(|error| error.into_service_error().code().unwrap_or("no code").to_owned())
}

async fn check(client: &Client, stream: &str) {
    let refused = Err("InvalidArgumentException".to_owned());
    let whole = LINE.len();
    assert_eq!(put(client, stream, records(1, whole)).await, Ok(0));
    assert_eq!(put(client, stream, records(500, whole)).await, Ok(0));
    assert_eq!(put(client, stream, records(501, whole)).await, refused);
    assert_eq!(put(client, stream, records(4, 1_024_000 / whole * whole)).await, Ok(0));
    assert_eq!(put(client, stream, records(1, 1_024_001)).await, refused);
    assert_eq!(put(client, stream, records(5, 1_000_000)).await, refused);
    assert_eq!(put(client, stream, Vec::new()).await, refused);
    assert_eq!(
        put(client, "transect-no-such-stream", records(1, whole)).await,
        Err("ResourceNotFoundException".to_owned())
    );
}

async fn client(endpoint: Option<&str>) -> Client {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut sdk = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http);
    if let Some(endpoint) = endpoint {
        let keys = aws_sdk_firehose::config::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        sdk = sdk.endpoint_url(endpoint).region("us-east-2").credentials_provider(keys);
    }
    Client::new(&sdk.load().await)
}

#[test]
fn the_stand_in_keeps_to_the_limits_of_the_service() {
    let world = World::new(&["us-east-2"], Duration::from_secs(60), &[]);
    let firehose = &world.region("us-east-2").firehose;
    world.runtime().block_on(async { check(&client(Some(&firehose.url())).await, STREAM).await });
    assert_eq!(firehose.take_rejected().len(), 5);
    if std::env::var_os("TRANSECT_E2E_AWS").is_some_and(|value| value == "1") {
        let stream = std::env::var("TRANSECT_E2E_STREAM").expect("TRANSECT_E2E_STREAM names a stream to write to");
        world.runtime().block_on(async { check(&client(None).await, &stream).await });
    }
}
