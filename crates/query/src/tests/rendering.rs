//! How answers look in every format.

use std::io;

use super::*;
use crate::RenderError;

async fn rendered(sql: &str, format: Format, style: TableStyle) -> String {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let mut answer = fixture.question().sql(sql, &[]).await.unwrap();
    let mut out = Vec::new();
    render(&mut answer, format, &style, Completeness::default, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

const VALUES: &str = "select * from (values \
    (1, 'a', 1.5::double, true, to_timestamp('2026-11-21T08:00:00.5Z')), \
    (-9007199254740993, null, 'NaN'::double, null, null), \
    (9007199254740992, 'x,\"y\"\n', 'inf'::double, false, null)) as t(n, text, d, b, t)";

#[tokio::test]
async fn json_is_one_object_and_keeps_every_key() {
    let text = rendered(VALUES, Format::Json, TableStyle::default()).await;
    assert_eq!(
        text,
        "{\"rows\":[\n\
         {\"n\":1,\"text\":\"a\",\"d\":1.5,\"b\":true,\"t\":\"2026-11-21T08:00:00.500000000Z\"},\n\
         {\"n\":\"-9007199254740993\",\"text\":null,\"d\":null,\"b\":null,\"t\":null},\n\
         {\"n\":9007199254740992,\"text\":\"x,\\\"y\\\"\\n\",\"d\":null,\"b\":false,\"t\":null}\n\
         ],\"complete\":true,\"missing_regions\":[]}\n"
    );
    let empty = rendered("select 1 as n where false", Format::Json, TableStyle::default()).await;
    let empty: serde_json::Value = serde_json::from_str(&empty).unwrap();
    assert_eq!(empty, serde_json::json!({ "rows": [], "complete": true, "missing_regions": [] }));
}

#[tokio::test]
async fn ndjson_is_the_bare_rows() {
    let text = rendered(VALUES, Format::Ndjson, TableStyle::default()).await;
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["n"], "-9007199254740993");
    assert_eq!(rendered("select 1 as n where false", Format::Ndjson, TableStyle::default()).await, "");
}

#[tokio::test]
async fn nested_values_are_json_in_json_and_text_elsewhere() {
    let sql = "select make_array(1, 9007199254740993, null) as list, named_struct('a', 1, 'b', 'x') as s, \
               '{\"k\":[1,{\"z\":\"q\"}],\"s\":\"t\",\"f\":2.0}'->'k' as k, '{\"s\":\"t\"}'->'s' as s2, \
               '{\"f\":2.5}'->'f' as f, '{}'->'n' as n";
    let json = rendered(sql, Format::Json, TableStyle::default()).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["rows"][0],
        serde_json::json!({
            "list": [1, "9007199254740993", null], "s": {"a": 1, "b": "x"}, "k": [1, {"z": "q"}], "s2": "t", "f": 2.5, "n": null
        })
    );
    let csv = rendered(sql, Format::Csv, TableStyle::default()).await;
    assert_eq!(
        csv,
        "list,s,k,s2,f,n\n\"[1,\"\"9007199254740993\"\",null]\",\"{\"\"a\"\":1,\"\"b\"\":\"\"x\"\"}\",\"[1,{\"\"z\"\":\"\"q\"\"}]\",t,2.5,\n"
    );
    rendered(sql, Format::Table, TableStyle::default()).await;
}

#[tokio::test]
async fn csv_quotes_what_needs_it_and_always_has_a_header() {
    let text = rendered(VALUES, Format::Csv, TableStyle::default()).await;
    assert_eq!(
        text,
        "n,text,d,b,t\n1,a,1.5,true,2026-11-21T08:00:00.500000000Z\n-9007199254740993,,NaN,,\n\
         9007199254740992,\"x,\"\"y\"\"\n\",inf,false,\n"
    );
    assert_eq!(rendered("select 1 as n, 'x' as m where false", Format::Csv, TableStyle::default()).await, "n,m\n");
    // What is absent is nothing, and a text without letters is quoted.
    let sql = "select '' as a, null::text as b, 'x' as c, null::int as d, null as n, '' as \"say \"\"hi\"\"\"";
    assert_eq!(
        rendered(sql, Format::Csv, TableStyle::default()).await,
        "a,b,c,d,n,\"say \"\"hi\"\"\"\n\"\",,x,,,\"\"\n"
    );
}

#[tokio::test]
async fn a_terminal_is_not_driven_by_what_it_shows() {
    let sql = "select chr(27) || '[6n' || chr(155) || chr(8238) || chr(127) || ',\n\"' as \"\u{9b}x\"";
    let terminal = TableStyle { is_terminal: true, ..TableStyle::default() };
    let pipe = rendered(sql, Format::Csv, TableStyle::default()).await;
    assert_eq!(pipe, "\u{9b}x\n\"\x1b[6n\u{9b}\u{202e}\u{7f},\n\"\"\"\n");
    assert_eq!(rendered(sql, Format::Csv, terminal).await, "\\u{9b}x\n\"\\u{1b}[6n\\u{9b}\\u{202e}\\u{7f},\\n\"\"\"\n");
    for format in [Format::Json, Format::Ndjson] {
        let (pipe, shown) = (rendered(sql, format, TableStyle::default()).await, rendered(sql, format, terminal).await);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&pipe), parse(&shown));
        assert!(shown.contains("\\u009bx") && shown.is_ascii() && !shown.contains('\x7f'), "{shown}");
    }
}

#[tokio::test]
async fn formulas_are_made_text_where_that_is_asked_for() {
    let sql = "select '=cmd|x' as a, '@SUM(1)' as b, '-1' as c, -1 as d, '+1\"' as e, 'a=b' as f, '＝1' as \"=h\"";
    assert_eq!(
        rendered(sql, Format::Csv, TableStyle::default()).await,
        "a,b,c,d,e,f,=h\n=cmd|x,@SUM(1),-1,-1,\"+1\"\"\",a=b,＝1\n"
    );
    let safe = TableStyle { csv_safe: true, ..TableStyle::default() };
    assert_eq!(
        rendered(sql, Format::Csv, safe).await,
        "a,b,c,d,e,f,\"'=h\"\n\"'=cmd|x\",\"'@SUM(1)\",\"'-1\",-1,\"'+1\"\"\",a=b,\"'＝1\"\n"
    );
}

#[tokio::test]
async fn an_instant_has_its_true_offset_in_every_format() {
    let check = |expression: &'static str, expected: &'static str| async move {
        let sql = format!("select {expression} as t from telemetry");
        let csv = rendered(&sql, Format::Csv, TableStyle::default()).await;
        assert_eq!(csv, format!("t\n{expected}\n"), "{expression}");
        let table = rendered(&sql, Format::Table, TableStyle::default()).await;
        assert_eq!(table, csv, "{expression}");
        let json = format!("{{\"t\":\"{expected}\"}}\n");
        assert_eq!(rendered(&sql, Format::Ndjson, TableStyle::default()).await, json, "{expression}");
        let list = format!("{{\"t\":[\"{expected}\"]}}\n");
        let sql = format!("select make_array({expression}) as t from telemetry");
        assert_eq!(rendered(&sql, Format::Ndjson, TableStyle::default()).await, list, "{expression}");
    };
    check("timestamp", "2026-11-21T08:00:00.000000000Z").await;
    check("timestamp AT TIME ZONE 'America/New_York'", "2026-11-21T03:00:00.000000000-05:00").await;
    check("timestamp AT TIME ZONE 'Asia/Kolkata'", "2026-11-21T13:30:00.000000000+05:30").await;
    check("timestamp AT TIME ZONE 'Europe/London'", "2026-11-21T08:00:00.000000000Z").await;
    check("timestamp AT TIME ZONE '+09:00'", "2026-11-21T17:00:00.000000000+09:00").await;
    check("date_trunc('day', timestamp)", "2026-11-21T00:00:00.000000000Z").await;
    // The hands of a clock are no instant, and nobody knows of which zone they are.
    check("to_local_time(timestamp AT TIME ZONE 'America/New_York')", "2026-11-21T03:00:00.000000000").await;
}

#[tokio::test]
async fn a_pipe_gets_a_whole_table_without_colour_and_without_control() {
    let sql = "select * from (values (1, 'a\x1b[31m\nb', null), (1234, 'é日本', 'x')) as t(n, text, more)";
    let text = rendered(sql, Format::Table, TableStyle::default()).await;
    assert_eq!(text, "   n  text            more\n   1  a\\u{1b}[31m\\nb\n1234  é日本           x\n");
    assert_eq!(rendered("select 1 as n where false", Format::Table, TableStyle::default()).await, "n\n");
}

#[tokio::test]
async fn a_terminal_gets_what_fits() {
    let style = TableStyle { width: Some(40), color: true, is_terminal: true, ..TableStyle::default() };
    let sql = "select 1 as n, repeat('x', 100) as text, 'short' as s";
    let text = rendered(sql, Format::Table, style).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("\x1b[1mn  text{}s\x1b[0m", " ".repeat(28)));
    assert_eq!(lines[1], format!("1  {}…  short", "x".repeat(29)));
    // More columns than fit become one line a value, and empty ones none.
    let sql = "select * from telemetry";
    let text =
        rendered(sql, Format::Table, TableStyle { width: Some(80), is_terminal: true, ..TableStyle::default() }).await;
    assert!(text.starts_with("-- row 1\ntimestamp "), "{text}");
    assert!(text.contains("\ncloud_region               us-east-2\n") && !text.contains("trace_id"), "{text}");
}

#[tokio::test]
async fn a_name_that_comes_twice_gets_a_number() {
    let sql = "select a.event_id, b.event_id, 1 as event_id_2 from logs a join logs b on a.event_id = b.event_id";
    assert_eq!(
        rendered(sql, Format::Ndjson, TableStyle::default()).await,
        "{\"event_id\":\"1\",\"event_id_3\":\"1\",\"event_id_2\":1}\n"
    );
}

#[tokio::test]
async fn parquet_reads_back() {
    let fixture = Fixture::of(&[Record { attributes: Some("{\"a\":[1]}".into()), ..log("us-east-2", "1", HOUR_8) }]);
    let mut answer =
        fixture.question().sql("select timestamp, event_id, attributes->'a' as a from logs", &[]).await.unwrap();
    let mut out = Vec::new();
    assert_eq!(
        render(&mut answer, Format::Parquet, &TableStyle::default(), Completeness::default, &mut out).await.unwrap().0,
        1
    );
    let path = fixture.directory.path().join("out.parquet");
    std::fs::write(&path, out).unwrap();
    let file = std::fs::File::open(path).unwrap();
    let mut batches =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
    assert!(text.contains("2026-11-21T08:00:00Z") && text.contains("[1]"), "{text}");
}

/// A reader that goes away after some bytes.
struct Closed(usize);

impl io::Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_recognised_in_every_format() {
    let fixture = Fixture::of(&[log("us-east-2", "1", HOUR_8)]);
    let question = fixture.question();
    for (name, format) in Format::NAMES {
        let sql = "select value, repeat(cast(value as text), 50) as text from generate_series(1, 100000)";
        let mut answer = question.sql(sql, &[]).await.unwrap();
        let error = render(&mut answer, format, &TableStyle::default(), Completeness::default, &mut Closed(1000))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, RenderError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe),
            "{name}: {error:?}"
        );
        assert_eq!(name.parse::<Format>().unwrap(), format);
    }
    assert_eq!("jsn".parse::<Format>().unwrap_err().hint(), Some("did you mean `json`?"));
}
