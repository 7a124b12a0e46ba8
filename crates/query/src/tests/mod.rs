//! Questions asked of small lakes that are written here, by the same writer as `ingest` uses.

mod amplify;
mod answers;
mod calls;
mod pruning;
mod rendering;
mod saved;
mod views;

use tempfile::TempDir;
use transect_lake::{HourUtc, Lake, LakeWriter, Partition, RegionLocation, WriterOptions};
use transect_schema::Record;

use crate::{
    Answer, Completeness, Engine, EngineOptions, Extent, Format, Limits, QueryError, Question, ScalarValue, TableStyle,
    render,
};

/// 2026-11-21T08:00:00Z.
pub(crate) const HOUR_8: i64 = 1_795_248_000_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A lake in a directory of its own.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        Fixture { directory: tempfile::tempdir().unwrap() }
    }

    /// A lake of these rows, each in the hour of CloudWatch's time.
    pub(crate) fn of(records: &[Record<'_>]) -> Fixture {
        let fixture = Fixture::new();
        fixture.write(records);
        fixture
    }

    pub(crate) fn lake(&self) -> Lake {
        Lake::new(vec![RegionLocation::directory_of(None, self.directory.path()).unwrap()]).unwrap()
    }

    pub(crate) fn write(&self, records: &[Record<'_>]) {
        self.write_with(records, WriterOptions::default());
    }

    pub(crate) fn write_with(&self, records: &[Record<'_>], options: WriterOptions) {
        let mut writer = LakeWriter::new(&self.lake(), options).unwrap();
        for record in records {
            let hour = HourUtc::from_unix_nano(record.observed_time_unix_nano);
            let region = record.cloud_region.as_deref().unwrap_or("us-east-2");
            writer.append(&Partition::new(region, hour).unwrap(), record).unwrap();
        }
        writer.publish().unwrap();
    }

    /// Everything, a day later.
    pub(crate) fn extent(&self) -> Extent {
        Extent::at(HOUR_8 + 24 * HOUR)
    }

    pub(crate) fn question(&self) -> Question {
        ask_of(self.lake(), self.extent()).unwrap()
    }

    /// The answer as comma-separated values, which are easy to read in a test.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        ask(&self.question(), sql).await
    }

    pub(crate) async fn fail(&self, sql: &str) -> QueryError {
        match self.question().sql(sql, &[]).await {
            Err(error) => error,
            Ok(mut answer) => loop {
                match answer.next().await {
                    Some(Err(error)) => return error,
                    Some(Ok(_)) => {}
                    None => panic!("{sql} is answered"),
                }
            },
        }
    }
}

/// A question to a lake.
pub(crate) fn ask_of(lake: Lake, extent: Extent) -> crate::Result<Question> {
    let options = EngineOptions { target_partitions: 2, ..EngineOptions::default() };
    Engine::open(lake, options)?.question(extent, Limits::default())
}

pub(crate) async fn ask(question: &Question, sql: &str) -> String {
    ask_with(question, sql, &[]).await
}

pub(crate) async fn ask_with(question: &Question, sql: &str, params: &[(String, ScalarValue)]) -> String {
    let mut answer = match question.sql(sql, params).await {
        Ok(answer) => answer,
        Err(error) => panic!("{sql}: {error} ({error:?})"),
    };
    text(&mut answer, Format::Csv).await
}

pub(crate) async fn text(answer: &mut Answer, format: Format) -> String {
    let mut out = Vec::new();
    render(answer, format, &TableStyle::default(), Completeness::default, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// A log line of one function in one region.
pub(crate) fn log(region: &'static str, event_id: impl std::fmt::Display, time: i64) -> Record<'static> {
    Record {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        event_id: event_id.to_string().into(),
        signal: "log".into(),
        cloud_region: Some(region.into()),
        cloud_account_id: Some("111122223333".into()),
        aws_log_group: Some("/aws/lambda/cart".into()),
        aws_log_stream: Some("2026/11/21/[7]aa".into()),
        faas_name: Some("cart".into()),
        faas_version: Some("7".into()),
        schema_version: 1,
        ..Record::default()
    }
}
