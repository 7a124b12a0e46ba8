//! What goes wrong, and with which calls: the n-th that a rule is about, every time. It refuses to know chance or clocks.

use std::collections::HashMap;

use super::Call;

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service's own way of saying: too many calls.
    Throttled,
    /// The service's own way of saying: not with these credentials.
    Denied,
    /// 503, or what comes nearest to it.
    Unavailable,
    /// An error of the service: status, code and message.
    Error(u16, &'static str, &'static str),
    /// The connection ends before anything was done.
    Cut,
    /// What was asked for is done, and the connection ends before the answer.
    CutAfter,
    /// No answer ever comes.
    Hang,
}

/// Which of the calls that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All of them.
    Always,
    /// Every so many-th, but never one request more than [`STRIKES_MAX`] times: whoever asks eight times gets an answer, however
    /// the calls of several regions come to lie.
    Every(usize),
    /// The first so many.
    First(usize),
    /// All but the first so many.
    After(usize),
    /// Those in whose request this stands.
    Naming(&'static str),
}

/// How often one request may meet a fault that meets every so many-th.
const STRIKES_MAX: usize = 2;

pub(super) struct Rule {
    region: String,
    operation: String,
    when: When,
    fault: Fault,
    calls: usize,
    /// How often it struck each request: region, operation and what was sent.
    strikes: HashMap<[String; 3], usize>,
}

impl Rule {
    pub(super) fn new(region: &str, operation: &str, when: When, fault: Fault) -> Rule {
        Rule {
            region: region.to_owned(),
            operation: operation.to_owned(),
            when,
            fault,
            calls: 0,
            strikes: HashMap::new(),
        }
    }

    /// Counts a call if the rule is about it, and says whether it strikes.
    fn counts(&mut self, call: &Call) -> bool {
        let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        if !fits(&self.region, &call.region) || !fits(&self.operation, &call.operation) {
            return false;
        }
        self.calls += 1;
        match self.when {
            When::Always => true,
            When::Every(every) => {
                let request = [call.region.clone(), call.operation.clone(), call.body.to_string()];
                let strikes = self.strikes.entry(request).or_default();
                let is_struck = self.calls.is_multiple_of(every) && *strikes < STRIKES_MAX;
                *strikes += usize::from(is_struck);
                is_struck
            }
            When::First(count) => self.calls <= count,
            When::After(count) => self.calls > count,
            When::Naming(text) => call.body.to_string().contains(text),
        }
    }
}

/// The fault of the first rule that strikes; all that are about the call count it.
pub(super) fn strike(rules: &mut [Rule], call: &Call) -> Option<Fault> {
    let mut struck = None;
    for rule in rules {
        if rule.counts(call) && struck.is_none() {
            struck = Some(rule.fault.clone());
        }
    }
    struck
}
