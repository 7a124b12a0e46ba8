//! What a deployment's parts are called: the one place that agrees with `deploy/`, which a conformance check holds it to. It
//! refuses to ask AWS for them.

use crate::Account;

/// A longer name would not fit into those that are made of it.
const NAME_BYTES_MAX: usize = 32;

/// The names of one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    name: String,
}

/// Whether a text can name a deployment: 1 to 32 letters, digits and `-`.
fn is_deployment_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl Names {
    /// The names below a deployment's own; `None` if it is none.
    pub fn new(name: &str) -> Option<Names> {
        is_deployment_name(name).then(|| Names { name: name.to_owned() })
    }

    /// The names of the deployment whose forwarder is called so; `None` if none calls it so.
    pub(crate) fn of_function(function: &str) -> Option<Names> {
        function.strip_suffix("-forwarder").and_then(Names::new)
    }

    /// The deployment's name, which subscription filters, the account policy and the Firehose stream have, too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Firehose stream.
    pub fn delivery_stream(&self) -> &str {
        &self.name
    }

    /// The forwarder's function.
    pub fn function(&self) -> String {
        format!("{}-forwarder", self.name)
    }

    /// The alias of the forwarder that subscriptions invoke.
    pub fn alias(&self) -> &'static str {
        "live"
    }

    /// Where a subscription delivers to.
    pub fn destination(&self, account: &Account, region: &str) -> String {
        format!(
            "arn:{}:lambda:{region}:{}:function:{}:{}",
            account.partition,
            account.id,
            self.function(),
            self.alias()
        )
    }

    /// Log groups that the pipeline itself writes: to forward them would be a loop.
    pub fn own_groups(&self) -> [String; 2] {
        [format!("/aws/lambda/{}", self.function()), format!("/aws/kinesisfirehose/{}", self.name)]
    }

    /// Where Lambda puts the events that the forwarder could not deliver: a folder at the bucket's root, of Lambda's choice
    /// (Lambda, developer guide: retaining records of asynchronous invocations).
    pub fn on_failure_folder(&self) -> String {
        format!("aws/lambda/async/{}", self.function())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_made_of_the_deployments() {
        let names = Names::new("acme").unwrap();
        let account = Account { id: "123456789012".into(), partition: "aws-cn".into() };
        assert_eq!(
            names.destination(&account, "cn-north-1"),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:acme-forwarder:live"
        );
        assert_eq!(names.own_groups(), ["/aws/lambda/acme-forwarder", "/aws/kinesisfirehose/acme"]);
        assert_eq!(names.on_failure_folder(), "aws/lambda/async/acme-forwarder");
        for wrong in ["", "a b", "a/b", "*", &"a".repeat(33)] {
            assert_eq!(Names::new(wrong), None, "{wrong}");
        }
    }
}
