//! What a Lambda alias is: the version that it points to, and perhaps another one beside it with a share of invocations.
//! It refuses to guess: what is neither one nor the other is somebody else's.

use std::fmt;

/// Shares are whole percents here and doubles at Lambda's: what differs by less than this is equal.
const WEIGHT_TOLERANCE: f64 = 1e-6;

/// Where an alias sends invocations.
#[derive(Clone, Debug)]
pub struct Routing {
    /// The version that it points to.
    pub function_version: String,
    /// A version beside it and its share of invocations, from 0 to 1. Lambda allows one.
    pub additional: Option<(String, f64)>,
}

impl Routing {
    /// A share of so many percent for the canary. At 100 it is what the alias points to, and nothing is beside it.
    pub fn of(baseline: &str, canary: &str, percent: u8) -> Routing {
        match percent {
            0 => Routing { function_version: baseline.to_owned(), additional: None },
            1..100 => Routing {
                function_version: baseline.to_owned(),
                additional: Some((canary.to_owned(), f64::from(percent) / 100.0)),
            },
            _ => Routing { function_version: canary.to_owned(), additional: None },
        }
    }

    /// What is beside the version, if it gets anything and is another one.
    fn beside(&self) -> Option<(&str, f64)> {
        let (version, weight) = self.additional.as_ref()?;
        (*weight > WEIGHT_TOLERANCE && *version != self.function_version).then_some((version, *weight))
    }
}

/// Equal are those that send invocations to the same versions: a share of nothing is none.
impl PartialEq for Routing {
    fn eq(&self, other: &Routing) -> bool {
        self.function_version == other.function_version
            && match (self.beside(), other.beside()) {
                (None, None) => true,
                (Some((a, share)), Some((b, other))) => a == b && (share - other).abs() < WEIGHT_TOLERANCE,
                _ => false,
            }
    }
}

/// As in `6 and 10 % to 7`.
impl fmt::Display for Routing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.function_version)?;
        match self.beside() {
            // Thousandths of a percent are what anybody sets, and a double has more.
            Some((version, weight)) => write!(out, " and {} % to {version}", (weight * 1e5).round() / 1e3),
            None => Ok(()),
        }
    }
}

/// An alias as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// Where it sends invocations.
    pub routing: Routing,
    /// Changes with every change: a change that names it is refused if somebody else was faster.
    pub revision_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(version: &str, additional: Option<(&str, f64)>) -> Routing {
        Routing {
            function_version: version.to_owned(),
            additional: additional.map(|(version, weight)| (version.to_owned(), weight)),
        }
    }

    #[test]
    fn equal_is_what_sends_invocations_to_the_same_versions() {
        assert_eq!(Routing::of("6", "7", 0), routing("6", Some(("9", 0.0))));
        assert_eq!(Routing::of("6", "7", 10), routing("6", Some(("7", 0.1 + 1e-12))));
        assert_eq!(Routing::of("6", "7", 100), routing("7", Some(("7", 0.5))));
        assert_ne!(Routing::of("6", "7", 10), routing("6", Some(("7", 0.11))));
        assert_ne!(Routing::of("6", "7", 10), routing("6", Some(("8", 0.1))));
        assert_ne!(Routing::of("6", "7", 10), routing("5", Some(("7", 0.1))));
        assert_ne!(Routing::of("6", "7", 0), Routing::of("6", "7", 1));
    }

    #[test]
    fn weights_are_those_that_lambda_takes() {
        for percent in 0..=100 {
            let routing = Routing::of("6", "7", percent);
            assert!(routing.additional.is_none_or(|(_, weight)| weight > 0.0 && weight < 1.0));
        }
    }

    #[test]
    fn a_routing_is_read_as_a_phrase() {
        assert_eq!(Routing::of("6", "7", 0).to_string(), "6");
        assert_eq!(Routing::of("6", "7", 29).to_string(), "6 and 29 % to 7");
        assert_eq!(Routing::of("6", "7", 100).to_string(), "7");
        assert_eq!(routing("6", Some(("5", 0.125))).to_string(), "6 and 12.5 % to 5");
    }
}
