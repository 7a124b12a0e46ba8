//! A Lambda function's alias: what it routes to, read and set. It refuses to set one that somebody else has moved since it was
//! read.

use std::collections::HashMap;

use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::types::AliasRoutingConfiguration;

use crate::{Fault, Region};

/// What an alias routes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AliasRouting {
    /// The version that it names.
    pub function_version: String,
    /// Further versions and their shares, 0 to 1. Lambda takes one.
    pub additional: Vec<(String, f64)>,
    /// Changes with every change of the alias.
    pub revision_id: String,
}

/// What an alias routes to.
///
/// # Errors
/// Lambda does not say.
pub async fn read_alias(region: &Region, function: &str, alias: &str) -> Result<AliasRouting, Fault> {
    let call = region.lambda.get_alias().function_name(function).name(alias);
    let found = call.send().await.map_err(|error| {
        // The service has one code for both, and the message, which names the account, tells them apart.
        let has_no_function = error.message().is_some_and(|message| message.starts_with("Function not found"));
        let mut fault = Fault::of("lambda:GetAlias", error);
        if fault.is("ResourceNotFoundException") {
            fault.reason = match has_no_function {
                true => format!("no function `{function}` here"),
                false => format!("no alias `{alias}` of `{function}` here"),
            };
        }
        fault
    })?;
    let weights = found.routing_config().and_then(|routing| routing.additional_version_weights());
    let mut additional: Vec<(String, f64)> =
        weights.into_iter().flatten().map(|(version, weight)| (version.clone(), *weight)).collect();
    additional.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(AliasRouting {
        function_version: found.function_version().unwrap_or_default().to_owned(),
        additional,
        revision_id: found.revision_id().unwrap_or_default().to_owned(),
    })
}

/// Sets what an alias routes to, if it still has the revision.
///
/// # Errors
/// `PreconditionFailedException` where it has another one, and whatever else Lambda answers.
pub async fn set_alias(
    region: &Region,
    function: &str,
    alias: &str,
    function_version: &str,
    additional: Option<(&str, f64)>,
    revision_id: &str,
) -> Result<(), Fault> {
    // Always given: without it Lambda would keep the weights that there are.
    let weights: HashMap<String, f64> =
        additional.into_iter().map(|(version, weight)| (version.to_owned(), weight)).collect();
    let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
    let call = region
        .lambda
        .update_alias()
        .function_name(function)
        .name(alias)
        .function_version(function_version)
        .routing_config(routing)
        .revision_id(revision_id);
    call.send().await.map(drop).map_err(|error| Fault::of("lambda:UpdateAlias", error))
}
