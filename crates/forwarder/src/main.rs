//! The binary that Lambda starts: reads the environment, makes one client and asks for invocations.
//!
//! It refuses to start with a configuration that is not understood whole.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use transect_forwarder::config::{Config, render_help};
use transect_forwarder::handler::Forwarder;

/// Within a region a connection takes milliseconds; one that takes longer is better tried again.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--help" | "-h") => {
            // A reader that went away is no error.
            let _ = std::io::stdout().write_all(render_help().as_bytes());
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            eprintln!("transect-forwarder: takes no arguments; `--help` says what it reads");
            return ExitCode::from(2);
        }
    }
    let config = match Config::read(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    ) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("transect-forwarder: {error}");
            return ExitCode::FAILURE;
        }
    };
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        // What to send again, and when, is decided by record and by deadline in `deliver`.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIME_MAX).build())
        .load()
        .await;
    let forwarder = Forwarder::new(config, aws_sdk_firehose::Client::new(&sdk));
    let forwarder = &forwarder;
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| forwarder.handle(event));
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transect-forwarder: the Lambda runtime does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}
