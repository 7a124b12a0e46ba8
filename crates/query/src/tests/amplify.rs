//! What a question can make of nothing stays bounded.

use super::*;

fn fixture() -> Fixture {
    Fixture::of(&[log("us-east-2", "1", HOUR_8)])
}

#[tokio::test]
async fn a_function_that_would_make_gigabytes_is_refused() {
    for call in [
        "repeat('x', 2000000000)",
        "repeat(aws_log_group, 2000000000)",
        "lpad('x', 2000000000, 'y')",
        "array_repeat(1, 2000000000)",
        "range(0, 2000000000)",
        "generate_series(1, 2000000000)",
        "array_resize([1], 2000000000)",
        "replace(repeat('x', 100000), 'x', repeat('y', 100000))",
    ] {
        let error = fixture().fail(&format!("SELECT {call} AS x FROM logs")).await;
        assert!(matches!(error, QueryError::Execution(_)), "{call}: {error:?}");
        assert!(error.to_string().contains("would make more than 536870912 bytes"), "{call}: {error}");
    }
}

#[tokio::test]
async fn functions_do_what_they_did() {
    for (call, expected) in [
        ("repeat('ab', 3)", "ababab"),
        ("repeat('ab', -1)", "\"\""),
        ("repeat('ab', NULL)", ""),
        ("repeat(aws_log_stream, 1)", "2026/11/21/[7]aa"),
        ("lpad('x', 3, 'y')", "yyx"),
        ("rpad('x', 3)", "x  "),
        ("array_repeat('a', 2)", "\"[\"\"a\"\",\"\"a\"\"]\""),
        ("list_repeat(1, 2)", "\"[1,1]\""),
        ("range(2, 8, 3)", "\"[2,5]\""),
        ("generate_series(3, 1, -1)", "\"[3,2,1]\""),
        ("array_resize([1], 2, 0)", "\"[1,0]\""),
        ("replace('aXbX', 'X', '--')", "a--b--"),
        ("regexp_replace('a1b2', '[0-9]', '#', 'g')", "a#b#"),
    ] {
        assert_eq!(fixture().ask(&format!("SELECT {call} AS x FROM logs")).await, format!("x\n{expected}\n"), "{call}");
    }
}

#[tokio::test]
async fn a_recursion_ends() {
    let recursion = |condition: &str| {
        format!("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t {condition}) SELECT max(n) AS n FROM t")
    };
    assert_eq!(fixture().ask(&recursion("WHERE n < 2000")).await, "n\n2000\n");
    let error = fixture().fail(&recursion("")).await;
    assert!(matches!(error, QueryError::Execution(_)), "{error:?}");
    assert!(error.to_string().starts_with("WITH RECURSIVE has not ended after 20000 rounds"), "{error}");
}

#[tokio::test]
async fn a_chain_of_operators_ends_before_the_stack_does() {
    let fixture = fixture();
    let question = fixture.question();
    let chain = |count: usize, part: &str| vec![part; count].join(" ");
    for sql in [
        format!("select 1 {}", chain(5_000, "+ 1")),
        format!("select count(*) from telemetry where severity_number = 1 {}", chain(5_000, "or severity_number = 2")),
        format!("select 1 {}", chain(5_000, "union all select 1, 2")),
        format!("select 1 from telemetry a {}", chain(5_000, "join telemetry b on true")),
        format!("select 1 from {} telemetry z", (0..1_500).map(|n| format!("telemetry t{n}, ")).collect::<String>()),
        format!(
            "with a as (select 1 x) {} select 1",
            (0..1_500)
                .map(|n| format!(
                    ", a{n} as (select x from {})",
                    if n == 0 { "a".into() } else { format!("a{}", n - 1) }
                ))
                .collect::<String>()
        ),
        format!("select 1 {}", chain(1_200, "+ case when true then 1 else 1 end")),
        format!("select [1]{}", chain(600, "[1:1]")),
        format!("select now() {}", chain(1_200, "at time zone 'UTC'")),
        format!("select true {}", chain(1_200, "xor true")),
        format!("select true {}", chain(2_500, "in (true)")),
        format!("select 'a' {}", chain(3_000, "similar to 'a'")),
    ] {
        let error = question.sql(&sql, &[]).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("more than 500 operators, tables or queries"), "{error}");
    }
    // What stands side by side is no chain.
    let numbers = vec!["1"; 20_000].join(", ");
    let branches = (0..600).map(|number| format!("when {number} = 1 then 2")).collect::<Vec<_>>().join(" ");
    for sql in [
        format!("select count(*) from telemetry where severity_number in ({numbers})"),
        format!("select case {branches} end"),
        format!("select 1 {}", chain(200, "+ 1")),
        format!("select 1 {}", chain(150, "union all select 1 + 1 + 1 + 1")),
    ] {
        question.sql(&sql, &[]).await.unwrap();
    }
}
