//! Whether an answer rests on everything that it should: a part of every form that answers are given in.

use crate::write_json_string;

/// A region, and why it is mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionNote {
    /// The region's name, or `*` where one place holds all of them.
    pub region: String,
    /// Why, without the name of any bucket.
    pub reason: String,
}

/// A file, and why it was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNote {
    /// The file's path, from `landing/` on where it lies in a bucket.
    pub path: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// Whether an answer rests on everything that it should.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completeness {
    /// Regions of which nothing is in the answer.
    pub missing_regions: Vec<RegionNote>,
    /// Regions that were read from their replica, which may lag behind.
    pub replicas: Vec<RegionNote>,
    /// Files of which nothing is in the answer.
    pub unreadable_files: Vec<FileNote>,
    /// The least rate of the rows that were kept by a sample rate, where the question asked for their weight.
    pub sample_rate_min: Option<f64>,
}

impl Completeness {
    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.missing_regions.is_empty() && self.unreadable_files.is_empty()
    }

    /// Of an answer that rests on two: what either of them had to do without.
    #[must_use]
    pub fn and(mut self, other: Completeness) -> Completeness {
        fn add<T: PartialEq>(to: &mut Vec<T>, notes: Vec<T>) {
            for note in notes {
                if !to.contains(&note) {
                    to.push(note);
                }
            }
        }
        add(&mut self.missing_regions, other.missing_regions);
        add(&mut self.replicas, other.replicas);
        add(&mut self.unreadable_files, other.unreadable_files);
        let rates = [self.sample_rate_min, other.sample_rate_min].into_iter().flatten();
        self.sample_rate_min = rates.reduce(f64::min);
        self
    }

    /// What JSON answers hold behind their rows, without braces: `"complete":true,"missing_regions":[]`.
    pub fn json_members(&self) -> String {
        self.json_members_if(self.is_complete())
    }

    /// The same, where more than regions and files decides whether an answer is complete.
    pub fn json_members_if(&self, is_complete: bool) -> String {
        let list = |names: Vec<&str>| {
            let mut text = Vec::new();
            for name in names {
                text.extend(if text.is_empty() { "[" } else { "," }.bytes());
                write_json_string(name, &mut text);
            }
            text.extend(if text.is_empty() { "[]" } else { "]" }.bytes());
            String::from_utf8(text).unwrap_or_default()
        };
        let regions = list(self.missing_regions.iter().map(|missing| missing.region.as_str()).collect());
        let mut text = format!("\"complete\":{is_complete},\"missing_regions\":{regions}");
        if !self.unreadable_files.is_empty() {
            let files = list(self.unreadable_files.iter().map(|file| file.path.as_str()).collect());
            text.push_str(&format!(",\"unreadable_files\":{files}"));
        }
        if let Some(rate) = self.sample_rate_min {
            text.push_str(&format!(",\"sample_rate_min\":{rate}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_in_json() {
        assert_eq!(Completeness::default().json_members(), "\"complete\":true,\"missing_regions\":[]");
        let missing = |region: &str| RegionNote { region: region.into(), reason: "no answer".into() };
        let completeness =
            Completeness { missing_regions: vec![missing("a"), missing("b")], ..Completeness::default() };
        assert_eq!(completeness.json_members(), "\"complete\":false,\"missing_regions\":[\"a\",\"b\"]");
        let file = FileNote { path: "x\"y".into(), reason: "empty".into() };
        let completeness = Completeness { unreadable_files: vec![file], ..Completeness::default() };
        assert_eq!(
            completeness.json_members(),
            "\"complete\":false,\"missing_regions\":[],\"unreadable_files\":[\"x\\\"y\"]"
        );
    }
}
