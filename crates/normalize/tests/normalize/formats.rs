//! Every format that the normaliser understands, as a table of line and columns.

use insta::assert_snapshot;

use super::*;

fn check(group: &str, stream: &str, line: &str) -> String {
    let (records, _) = records_of(document(group, stream, &[line]).as_bytes(), &Options::default());
    records.iter().map(columns).collect::<Vec<_>>().join("\n--\n")
}

fn lambda_columns(line: &str) -> String {
    check(LAMBDA_GROUP, LAMBDA_STREAM, line)
}

fn app_columns(line: &str) -> String {
    check("/ecs/app", "app/1", line)
}

fn span_columns(line: &str) -> String {
    check("aws/spans", "default", line)
}

// Lambda's own lines as text and as JSON.

#[test]
fn text_start() {
    assert_snapshot!(lambda_columns("START RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Version: 8\n"), @"
    event_name = platform.start
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    body = START RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Version: 8
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn text_end() {
    assert_snapshot!(lambda_columns("END RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\n"), @"
    event_name = platform.end
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    body = END RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn text_report() {
    assert_snapshot!(lambda_columns("REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 212.40 ms\tBilled Duration: 213 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tInit Duration: 311.90 ms\t\nXRAY TraceId: 1-6b01598d-2cb6916d86dc283cf0480ff9\tSegmentId: 1d8a4eace693ae2d\tSampled: true\t\n"), @r#"
    event_name = platform.report
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    span_id = 1d8a4eace693ae2d
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    body = REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 212.40 ms\tBilled Duration: 213 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tInit Duration: 311.90 ms\t\nXRAY TraceId: 1-6b01598d-2cb6916d86dc283cf0480ff9\tSegmentId: 1d8a4eace693ae2d\tSampled: true\t
    faas_name = cart
    faas_version = 8
    faas_coldstart = true
    status_code = OK
    duration_nano = 212400000
    attributes = {"record":{"metrics":{"billedDurationMs":213,"memorySizeMB":512,"maxMemoryUsedMB":143,"initDurationMs":311.9},"sampled":"true"}}
    "#);
}

#[test]
fn json_report() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.report","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","metrics":{"durationMs":212.40,"billedDurationMs":213,"memorySizeMB":512,"maxMemoryUsedMB":143,"initDurationMs":311.9},"status":"success","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1","spanId":"1d8a4eace693ae2d"}}}"#), @r#"
    event_name = platform.report
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    span_id = 1d8a4eace693ae2d
    parent_span_id = 53995c3f42cd8ad8
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    faas_name = cart
    faas_version = 8
    faas_coldstart = true
    status_code = OK
    duration_nano = 212400000
    attributes = {"record":{"metrics":{"billedDurationMs":213,"memorySizeMB":512,"maxMemoryUsedMB":143,"initDurationMs":311.9},"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1"}}}
    "#);
}

#[test]
fn text_report_timeout() {
    assert_snapshot!(lambda_columns("REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 3000.00 ms\tBilled Duration: 3001 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tStatus: timeout\t\n"), @r#"
    event_name = platform.report
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    body = REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 3000.00 ms\tBilled Duration: 3001 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tStatus: timeout\t
    faas_name = cart
    faas_version = 8
    faas_coldstart = false
    status_code = ERROR
    status_message = timeout
    duration_nano = 3000000000
    attributes = {"record":{"metrics":{"billedDurationMs":3001,"memorySizeMB":512,"maxMemoryUsedMB":143}}}
    "#);
}

#[test]
fn text_report_error() {
    assert_snapshot!(lambda_columns("REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 15.00 ms\tBilled Duration: 15 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tRestore Duration: 120.50 ms\tBilled Restore Duration: 121 ms\tStatus: error\tError Type: Runtime.ExitError\n"), @r#"
    event_name = platform.report
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    body = REPORT RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3\tDuration: 15.00 ms\tBilled Duration: 15 ms\tMemory Size: 512 MB\tMax Memory Used: 143 MB\tRestore Duration: 120.50 ms\tBilled Restore Duration: 121 ms\tStatus: error\tError Type: Runtime.ExitError
    faas_name = cart
    faas_version = 8
    faas_coldstart = true
    status_code = ERROR
    status_message = error
    duration_nano = 15000000
    exception_type = Runtime.ExitError
    attributes = {"record":{"metrics":{"billedDurationMs":15,"memorySizeMB":512,"maxMemoryUsedMB":143,"restoreDurationMs":120.5,"billedRestoreDurationMs":121}}}
    "#);
}

#[test]
fn json_report_managed_instance_without_billing() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.report","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","metrics":{"durationMs":3.5},"status":"timeout"}}"#), @"
    event_name = platform.report
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    faas_name = cart
    faas_version = 8
    faas_coldstart = false
    status_code = ERROR
    status_message = timeout
    duration_nano = 3500000
    ");
}

#[test]
fn json_start() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:52.900Z","type":"platform.start","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","version":"42","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1","spanId":"260df25453fe2e85"}}}"#), @r#"
    time_unix_nano = -100000000
    event_name = platform.start
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    span_id = 260df25453fe2e85
    parent_span_id = 53995c3f42cd8ad8
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    faas_name = cart
    faas_version = 42
    attributes = {"record":{"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1"}}}
    "#);
}

#[test]
fn json_runtime_done() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.runtimeDone","record":{"requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","status":"failure","errorType":"Function.Unknown","metrics":{"durationMs":212.4,"producedBytes":52},"spans":[{"name":"responseLatency","start":"2026-11-21T08:42:53.000Z","durationMs":1.5}]}}"#), @r#"
    event_name = platform.runtimeDone
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    status_message = failure
    duration_nano = 212400000
    exception_type = Function.Unknown
    attributes = {"record":{"metrics":{"producedBytes":52},"spans":[{"name":"responseLatency","start":"2026-11-21T08:42:53.000Z","durationMs":1.5}]}}
    "#);
}

#[test]
fn json_init_start() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"python:3.12.v40","functionName":"cart","functionVersion":"42"}}"#), @r#"
    event_name = platform.initStart
    faas_name = cart
    faas_version = 42
    attributes = {"record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"python:3.12.v40"}}
    "#);
}

#[test]
fn json_init_runtime_done() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.initRuntimeDone","record":{"initializationType":"on-demand","status":"success"}}"#), @r#"
    event_name = platform.initRuntimeDone
    faas_name = cart
    faas_version = 8
    status_code = OK
    attributes = {"record":{"initializationType":"on-demand"}}
    "#);
}

#[test]
fn json_init_report() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"timeout","metrics":{"durationMs":10007.33}}}"#), @r#"
    event_name = platform.initReport
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    status_message = timeout
    duration_nano = 10007330000
    attributes = {"record":{"initializationType":"on-demand","phase":"init"}}
    "#);
}

#[test]
fn json_restore_start() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.restoreStart","record":{"functionVersion":"3"}}"#), @"
    event_name = platform.restoreStart
    faas_name = cart
    faas_version = 3
    ");
}

#[test]
fn json_restore_runtime_done() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.restoreRuntimeDone","record":{"status":"success"}}"#), @"
    event_name = platform.restoreRuntimeDone
    faas_name = cart
    faas_version = 8
    status_code = OK
    ");
}

#[test]
fn json_restore_report() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.restoreReport","record":{"status":"success","metrics":{"durationMs":70.87}}}"#), @"
    event_name = platform.restoreReport
    faas_name = cart
    faas_version = 8
    status_code = OK
    duration_nano = 70870000
    ");
}

#[test]
fn json_extension() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.extension","record":{"name":"agent","state":"Ready","events":["INVOKE","SHUTDOWN"]}}"#), @r#"
    event_name = platform.extension
    faas_name = cart
    faas_version = 8
    attributes = {"record":{"name":"agent","state":"Ready","events":["INVOKE","SHUTDOWN"]}}
    "#);
}

#[test]
fn json_telemetry_subscription() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.telemetrySubscription","record":{"name":"agent","state":"Subscribed","types":["platform"]}}"#), @r#"
    event_name = platform.telemetrySubscription
    faas_name = cart
    faas_version = 8
    attributes = {"record":{"name":"agent","state":"Subscribed","types":["platform"]}}
    "#);
}

#[test]
fn json_logs_dropped() {
    assert_snapshot!(lambda_columns(r#"{"time":"2026-11-21T08:42:53.000Z","type":"platform.logsDropped","record":{"reason":"slow consumer","droppedRecords":123,"droppedBytes":12345}}"#), @r#"
    event_name = platform.logsDropped
    faas_name = cart
    faas_version = 8
    attributes = {"record":{"reason":"slow consumer","droppedRecords":123,"droppedBytes":12345}}
    "#);
}

#[test]
fn text_init_start() {
    assert_snapshot!(lambda_columns("INIT_START Runtime Version: python:3.12.v40\tRuntime Version ARN: arn:aws:lambda:us-west-2::runtime:abc\n"), @r#"
    event_name = platform.initStart
    body = INIT_START Runtime Version: python:3.12.v40\tRuntime Version ARN: arn:aws:lambda:us-west-2::runtime:abc
    faas_name = cart
    faas_version = 8
    attributes = {"record":{"runtimeVersion":"python:3.12.v40","runtimeVersionArn":"arn:aws:lambda:us-west-2::runtime:abc"}}
    "#);
}

#[test]
fn text_init_report() {
    assert_snapshot!(lambda_columns("INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout\n"), @r#"
    event_name = platform.initReport
    body = INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    status_message = timeout
    duration_nano = 10007330000
    attributes = {"record":{"metrics":{"initDurationMs":10007.33},"phase":"init"}}
    "#);
}

#[test]
fn text_init_report_error() {
    assert_snapshot!(lambda_columns("INIT_REPORT Init Duration: 17.06 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n"), @r#"
    event_name = platform.initReport
    body = INIT_REPORT Init Duration: 17.06 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    status_message = error
    duration_nano = 17060000
    exception_type = Runtime.ExitError
    attributes = {"record":{"metrics":{"initDurationMs":17.06},"phase":"invoke"}}
    "#);
}

#[test]
fn text_restore() {
    assert_snapshot!(lambda_columns("RESTORE_REPORT Restore Duration: 70.87 ms\n"), @r#"
    event_name = platform.restoreReport
    body = RESTORE_REPORT Restore Duration: 70.87 ms
    faas_name = cart
    faas_version = 8
    status_code = OK
    duration_nano = 70870000
    attributes = {"record":{"metrics":{"restoreDurationMs":70.87}}}
    "#);
}

#[test]
fn text_extension() {
    assert_snapshot!(lambda_columns("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"), @r#"
    event_name = platform.extension
    body = EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]
    faas_name = cart
    faas_version = 8
    attributes = {"record":{"name":"agent","state":"Ready","events":"[INVOKE, SHUTDOWN]"}}
    "#);
}

#[test]
fn text_timeout() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:53.000Z 37a788d1-0676-4832-ae70-4245a4ff91e3 Task timed out after 3.00 seconds\n\n"), @r#"
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    body = 2026-11-21T08:42:53.000Z 37a788d1-0676-4832-ae70-4245a4ff91e3 Task timed out after 3.00 seconds
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    exception_type = Sandbox.Timedout
    exception_message = Task timed out after 3.00 seconds
    attributes = {"transect.unhandled":true}
    "#);
}

#[test]
fn text_crash() {
    assert_snapshot!(lambda_columns("RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"), @r#"
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    body = RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Error: Runtime exited with error: signal: killed\nRuntime.ExitError
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    exception_type = Runtime.ExitError
    exception_message = Runtime exited with error: signal: killed
    attributes = {"transect.unhandled":true}
    "#);
}

#[test]
fn text_exit_before_response() {
    assert_snapshot!(lambda_columns("RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Process exited before completing request\n"), @r#"
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    body = RequestId: 37a788d1-0676-4832-ae70-4245a4ff91e3 Process exited before completing request
    faas_name = cart
    faas_version = 8
    status_code = ERROR
    exception_type = Runtime.ExitError
    exception_message = Process exited before completing request
    attributes = {"transect.unhandled":true}
    "#);
}

// Runtimes' prefixes.

#[test]
fn node_text() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.101Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\tcart loaded { items: 3 }\n"), @"
    time_unix_nano = -899000000
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 9
    severity_text = INFO
    body = cart loaded { items: 3 }
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn node_text_outside_of_an_invocation() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.101Z\tundefined\tWARN\tsdk is old\n"), @r"
    time_unix_nano = -899000000
    severity_number = 13
    severity_text = WARN
    body = 2026-11-21T08:42:52.101Z\tundefined\tWARN\tsdk is old
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn node_json_behind_the_prefix() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.101Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tINFO\t{\"level\":50,\"time\":1795250572100,\"msg\":\"pino inside\",\"trace_id\":\"1-6b01598d-2cb6916d86dc283cf0480ff9\"}\n"), @r#"
    time_unix_nano = -899000000
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = 50
    body = pino inside
    faas_name = cart
    faas_version = 8
    attributes = {"level":"INFO","time":1795250572100}
    "#);
}

#[test]
fn node_error_object() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.140Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tERROR\t{\"errorType\": \"TypeError\", \"errorMessage\": \"no sku\", \"stack\": [\"TypeError: no sku\", \"    at handler (/var/task/index.js:12:9)\"]}\n"), @r"
    time_unix_nano = -860000000
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = ERROR
    faas_name = cart
    faas_version = 8
    exception_type = TypeError
    exception_message = no sku
    exception_stacktrace = TypeError: no sku\n    at handler (/var/task/index.js:12:9)
    ");
}

#[test]
fn node_invoke_error() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.140Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tERROR\tInvoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"boom\",\"code\":\"E1\",\"stack\":[\"Error: boom\",\"    at handler (index.js:1:1)\"]}\n"), @r#"
    time_unix_nano = -860000000
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = ERROR
    body = Invoke Error
    faas_name = cart
    faas_version = 8
    exception_type = Error
    exception_message = boom
    exception_stacktrace = Error: boom\n    at handler (index.js:1:1)
    attributes = {"transect.unhandled":true,"code":"E1"}
    "#);
}

#[test]
fn node_text_with_a_stack() {
    assert_snapshot!(lambda_columns("2026-11-21T08:42:52.140Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tERROR\tTypeError: no sku\n    at handler (/var/task/index.js:12:9)\n    at process (node:1)\n"), @r"
    time_unix_nano = -860000000
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = ERROR
    body = TypeError: no sku\n    at handler (/var/task/index.js:12:9)\n    at process (node:1)
    faas_name = cart
    faas_version = 8
    exception_type = TypeError
    exception_message = no sku
    exception_stacktrace = TypeError: no sku\n    at handler (/var/task/index.js:12:9)\n    at process (node:1)
    ");
}

#[test]
fn python_text() {
    assert_snapshot!(lambda_columns("[WARNING]\t2026-11-21T08:42:52.150Z\t37a788d1-0676-4832-ae70-4245a4ff91e3\tslow upstream: 1203.5 ms\n"), @"
    time_unix_nano = -850000000
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 13
    severity_text = WARNING
    body = slow upstream: 1203.5 ms
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn python_unhandled() {
    assert_snapshot!(lambda_columns("[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    return stock['sku']\n"), @r#"
    event_name = exception
    severity_number = 17
    severity_text = ERROR
    body = [ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n  File "/var/task/app.py", line 9, in handler\n    return stock['sku']
    faas_name = cart
    faas_version = 8
    exception_type = KeyError
    exception_message = 'sku'
    exception_stacktrace = Traceback (most recent call last):\n  File "/var/task/app.py", line 9, in handler\n    return stock['sku']
    attributes = {"transect.unhandled":true}
    "#);
}

// Structured loggers.

#[test]
fn powertools() {
    assert_snapshot!(lambda_columns(r#"{"level":"ERROR","location":"pay:131","message":"payment failed","timestamp":"2026-11-21 08:42:53,907+0000","service":"payments","cold_start":false,"function_name":"payments","function_memory_size":512,"function_arn":"arn:aws:lambda:us-east-2:123456789012:function:payments:live","function_request_id":"37a788d1-0676-4832-ae70-4245a4ff91e3","correlation_id":"ord-7f3a91","service_version":"1.4.2","http_status":504,"exception":"Traceback (most recent call last):\n  File \"app.py\", line 1\nTimeoutError: no answer","exception_name":"TimeoutError","stack_trace":{"type":"TimeoutError","value":"no answer","module":"builtins","frames":[{"line":129}]},"xray_trace_id":"1-6b01598d-2cb6916d86dc283cf0480ff9"}"#), @r#"
    time_unix_nano = +907000000
    event_name = exception
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    correlation_id = ord-7f3a91
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = ERROR
    body = payment failed
    service_name = payments
    service_version = 1.4.2
    faas_name = cart
    faas_version = 8
    faas_coldstart = false
    exception_type = TimeoutError
    exception_message = no answer
    exception_stacktrace = Traceback (most recent call last):\n  File "app.py", line 1\nTimeoutError: no answer
    http_response_status_code = 504
    attributes = {"location":"pay:131","function_name":"payments","function_memory_size":512,"function_arn":"arn:aws:lambda:us-east-2:123456789012:function:payments:live","stack_trace":{"type":"TimeoutError","module":"builtins","frames":[{"line":129}]}}
    "#);
}

#[test]
fn powertools_message_is_an_object() {
    assert_snapshot!(lambda_columns(r#"{"level":"INFO","message":{"step":"publish","bytes":412},"timestamp":"2026-11-21 08:42:53,007+0000","service":"edge"}"#), @r#"
    time_unix_nano = +7000000
    severity_number = 9
    severity_text = INFO
    body = {"step":"publish","bytes":412}
    service_name = edge
    faas_name = cart
    faas_version = 8
    "#);
}

#[test]
fn lambda_json_application_line() {
    assert_snapshot!(lambda_columns(r#"{"timestamp":"2026-11-21T08:42:53.100Z","level":"ERROR","requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","tenantId":"t-1","errorType":"Error","errorMessage":"boom","stackTrace":["Error: boom","    at x"]}"#), @r#"
    time_unix_nano = +100000000
    event_name = exception
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 17
    severity_text = ERROR
    faas_name = cart
    faas_version = 8
    exception_type = Error
    exception_message = boom
    exception_stacktrace = Error: boom\n    at x
    attributes = {"tenantId":"t-1"}
    "#);
}

#[test]
fn lambda_json_with_json_text_inside() {
    assert_snapshot!(lambda_columns(r#"{"timestamp":"2026-11-21T08:42:53.100Z","level":"INFO","requestId":"37a788d1-0676-4832-ae70-4245a4ff91e3","message":"{\"level\":50,\"msg\":\"card declined\",\"trace_id\":\"1-6b01598d-2cb6916d86dc283cf0480ff9\",\"n\":1}"}"#), @r#"
    time_unix_nano = +100000000
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 9
    severity_text = INFO
    body = card declined
    faas_name = cart
    faas_version = 8
    attributes = {"message":{"level":50,"n":1}}
    "#);
}

#[test]
fn lambda_json_dotnet() {
    assert_snapshot!(lambda_columns(r#"{"timestamp":"2026-11-21T08:42:53.100Z","level":"Information","AWSRequestId":"37A788D1-0676-4832-AE70-4245A4FF91E3","traceId":"1-6b01598d-2cb6916d86dc283cf0480ff9","message":"ok"}"#), @"
    time_unix_nano = +100000000
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    severity_number = 9
    severity_text = Information
    body = ok
    faas_name = cart
    faas_version = 8
    ");
}

#[test]
fn pino() {
    assert_snapshot!(app_columns(r#"{"level":30,"time":1795250573007,"pid":1,"hostname":"h","msg":"pino line","req":{"id":"r-1","method":"GET","url":"/orders/7?x=1","headers":{"authorization":"Bearer not-a-real-token"}},"res":{"statusCode":200}}"#), @r#"
    time_unix_nano = +7000000
    severity_number = 9
    severity_text = 30
    body = pino line
    http_request_method = GET
    url_path = /orders/7
    http_response_status_code = 200
    attributes = {"pid":1,"hostname":"h","req":{"id":"r-1","url":"/orders/7?x=1","headers":{"authorization":"[redacted:authorization]"}}}
    "#);
}

#[test]
fn pino_error() {
    assert_snapshot!(app_columns(r#"{"level":50,"time":1795250573007,"msg":"failed","err":{"type":"TypeError","message":"no sku","stack":"TypeError: no sku\n    at x","code":"E1"}}"#), @r#"
    time_unix_nano = +7000000
    event_name = exception
    severity_number = 17
    severity_text = 50
    body = failed
    exception_type = TypeError
    exception_message = no sku
    exception_stacktrace = TypeError: no sku\n    at x
    attributes = {"err":{"code":"E1"}}
    "#);
}

#[test]
fn bunyan() {
    assert_snapshot!(app_columns(r#"{"name":"myapp","hostname":"h","pid":123,"level":40,"msg":"low stock","time":"2026-11-21T08:42:53.246Z","v":0}"#), @r#"
    time_unix_nano = +246000000
    severity_number = 13
    severity_text = 40
    body = low stock
    attributes = {"name":"myapp","hostname":"h","pid":123,"v":0}
    "#);
}

#[test]
fn winston() {
    assert_snapshot!(app_columns(r#"{"level":"error","message":"boom","service":"cart","stack":"Error: boom\n    at x","timestamp":"2026-11-21T08:42:53.000Z","metadata":{"correlationId":"c-1"}}"#), @r"
    event_name = exception
    correlation_id = c-1
    severity_number = 17
    severity_text = error
    body = boom
    service_name = cart
    exception_type = Error
    exception_message = boom
    exception_stacktrace = Error: boom\n    at x
    ");
}

#[test]
fn structlog() {
    assert_snapshot!(app_columns(r#"{"service":"inventory","traceparent":"00-6b01598d3e7fb97bfcc1c0c8b0cdf20a-86ea0214b5c34e7e-01","x-correlation-id":"c-1","event":"lookup failed","level":"error","timestamp":"2026-11-21T08:42:53.092775Z","exception":[{"exc_type":"KeyError","exc_value":"'missing'","frames":[{"lineno":174}]}]}"#), @r#"
    time_unix_nano = +92775000
    event_name = exception
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    correlation_id = c-1
    severity_number = 17
    severity_text = error
    body = lookup failed
    service_name = inventory
    exception_type = KeyError
    exception_message = 'missing'
    attributes = {"traceparent":"00-6b01598d3e7fb97bfcc1c0c8b0cdf20a-86ea0214b5c34e7e-01","exception":[{"frames":[{"lineno":174}]}]}
    "#);
}

#[test]
fn log4j2() {
    assert_snapshot!(app_columns(r#"{"instant":{"epochSecond":1795250573,"nanoOfSecond":429000001},"thread":"main","level":"WARN","loggerName":"com.acme.Pay","message":"retry","contextMap":{"correlationId":"c-1","trace_id":"6b01598d3e7fb97bfcc1c0c8b0cdf20a"},"thrown":{"name":"java.io.IOException","message":"reset","extendedStackTrace":"java.io.IOException: reset\n\tat com.acme.Pay"}}"#), @r#"
    time_unix_nano = +429000001
    event_name = exception
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    correlation_id = c-1
    severity_number = 13
    severity_text = WARN
    body = retry
    exception_type = java.io.IOException
    exception_message = reset
    exception_stacktrace = java.io.IOException: reset\n\tat com.acme.Pay
    attributes = {"instant":{"epochSecond":1795250573,"nanoOfSecond":429000001},"thread":"main","loggerName":"com.acme.Pay"}
    "#);
}

#[test]
fn logback_logstash() {
    assert_snapshot!(app_columns(r#"{"@timestamp":"2026-11-21T09:42:53.100+01:00","@version":"1","message":"started","logger_name":"com.acme.App","thread_name":"main","level":"INFO","level_value":20000,"stack_trace":"java.lang.IllegalStateException: closed\n\tat com.acme.App"}"#), @r#"
    time_unix_nano = +100000000
    event_name = exception
    severity_number = 9
    severity_text = INFO
    body = started
    exception_type = java.lang.IllegalStateException
    exception_message = closed
    exception_stacktrace = java.lang.IllegalStateException: closed\n\tat com.acme.App
    attributes = {"@version":"1","logger_name":"com.acme.App","thread_name":"main","level_value":20000}
    "#);
}

#[test]
fn zap() {
    assert_snapshot!(app_columns(r#"{"level":"dpanic","ts":1795250573.4290001,"caller":"x.go:1","msg":"bad state","error":"closed","stacktrace":"main.main\n\tx.go:1"}"#), @r#"
    time_unix_nano = +429000100
    severity_number = 18
    severity_text = dpanic
    body = bad state
    exception_message = closed
    exception_stacktrace = main.main\n\tx.go:1
    attributes = {"caller":"x.go:1"}
    "#);
}

#[test]
fn slog() {
    assert_snapshot!(app_columns(r#"{"time":"2026-11-21T08:42:53.123456789Z","level":"INFO+2","msg":"hello","service":{"name":"edge","version":"3.2.0"},"n":1}"#), @r#"
    time_unix_nano = +123456789
    severity_number = 11
    severity_text = INFO+2
    body = hello
    service_name = edge
    service_version = 3.2.0
    attributes = {"n":1}
    "#);
}

#[test]
fn rust_tracing() {
    assert_snapshot!(app_columns(r#"{"timestamp":"2026-11-21T08:42:53.000001Z","level":"INFO","fields":{"message":"served","correlation_id":"c-1","latency_ms":3},"target":"edge::http","span":{"name":"request"},"spans":[{"name":"request"}]}"#), @r#"
    time_unix_nano = +1000
    correlation_id = c-1
    severity_number = 9
    severity_text = INFO
    body = served
    attributes = {"fields":{"latency_ms":3},"target":"edge::http","span":{"name":"request"},"spans":[{"name":"request"}]}
    "#);
}

#[test]
fn python_json_logger() {
    assert_snapshot!(app_columns(r#"{"asctime":"2026-11-21 08:42:53,429","levelname":"CRITICAL","levelno":50,"name":"app","message":"down","exc_info":"Traceback (most recent call last):\n  File\nValueError: bad"}"#), @r#"
    time_unix_nano = +429000000
    event_name = exception
    severity_number = 21
    severity_text = CRITICAL
    body = down
    exception_type = ValueError
    exception_message = bad
    exception_stacktrace = Traceback (most recent call last):\n  File\nValueError: bad
    attributes = {"levelno":50,"name":"app"}
    "#);
}

#[test]
fn serilog_compact() {
    assert_snapshot!(app_columns(r#"{"@t":"2026-11-21T08:42:53.1234567Z","@m":"Order placed","@l":"Warning","@x":"System.InvalidOperationException: no\n   at X"}"#), @r"
    time_unix_nano = +123456700
    event_name = exception
    severity_number = 13
    severity_text = Warning
    body = Order placed
    exception_type = System.InvalidOperationException
    exception_message = no
    exception_stacktrace = System.InvalidOperationException: no\n   at X
    ");
}

#[test]
fn ecs_logging() {
    assert_snapshot!(app_columns(r#"{"@timestamp":"2026-11-21T08:42:53.000Z","log.level":"info","message":"hi","service":{"name":"edge","version":"1"},"trace":{"id":"6b01598d3e7fb97bfcc1c0c8b0cdf20a"},"span":{"id":"86ea0214b5c34e7e"},"http":{"request":{"method":"get"},"response":{"status_code":200}},"url":{"path":"/x"},"error":{"type":"E","message":"m","stack_trace":"s"}}"#), @r#"
    event_name = exception
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    severity_number = 9
    severity_text = info
    body = hi
    service_name = edge
    service_version = 1
    exception_type = E
    exception_message = m
    exception_stacktrace = s
    http_request_method = GET
    url_path = /x
    http_response_status_code = 200
    attributes = {"http":{"request":{"method":"get"}}}
    "#);
}

#[test]
fn otel_data_model() {
    assert_snapshot!(app_columns(r#"{"Timestamp":"1795250573429000000","SeverityText":"WARN3","SeverityNumber":15,"TraceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","SpanId":"86ea0214b5c34e7e","Body":"hello","Resource":{"service.name":"edge","service.version":"3"},"Attributes":{"http.response.status_code":503,"n":1}}"#), @r#"
    time_unix_nano = +429000000
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    severity_number = 15
    severity_text = WARN3
    body = hello
    service_name = edge
    service_version = 3
    http_response_status_code = 503
    attributes = {"Attributes":{"n":1}}
    "#);
}

#[test]
fn otlp_json() {
    assert_snapshot!(app_columns(r#"{"timeUnixNano":"1795250573429000000","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"hello"},"attributes":[{"key":"exception.type","value":{"stringValue":"E"}},{"key":"n","value":{"intValue":"1"}}],"traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"86ea0214b5c34e7e"}"#), @r#"
    time_unix_nano = +429000000
    event_name = exception
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    severity_number = 17
    severity_text = ERROR
    body = hello
    exception_type = E
    attributes = {"attributes":[{"key":"n","value":{"intValue":"1"}}]}
    "#);
}

#[test]
fn otel_python_console() {
    assert_snapshot!(app_columns(r#"{"body":"hello","severity_number":9,"severity_text":"INFO","attributes":{"code.lineno":3},"timestamp":"2026-11-21T08:42:53.000000Z","trace_id":"0x6b01598d3e7fb97bfcc1c0c8b0cdf20a","span_id":"0x86ea0214b5c34e7e","trace_flags":1,"resource":{"attributes":{"service.name":"edge"}}}"#), @r#"
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    severity_number = 9
    severity_text = INFO
    body = hello
    service_name = edge
    attributes = {"attributes":{"code.lineno":3},"trace_flags":1}
    "#);
}

#[test]
fn datadog() {
    assert_snapshot!(app_columns(r#"{"message":"hi","status":"info","dd":{"trace_id":"3453445345634563456","span_id":"1234567890123456","service":"edge","version":"3.2.0","env":"prod"}}"#), @r#"
    severity_number = 9
    severity_text = info
    body = hi
    service_name = edge
    service_version = 3.2.0
    attributes = {"dd":{"trace_id":"3453445345634563456","span_id":"1234567890123456","env":"prod"}}
    "#);
}

#[test]
fn api_gateway() {
    assert_snapshot!(app_columns(r#"{"requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","ip":"203.0.113.9","requestTime":"21/Nov/2026:08:42:53 +0000","httpMethod":"POST","routeKey":"POST /orders/{id}","resourcePath":"/orders/{id}","path":"/orders/7","status":"502","protocol":"HTTP/1.1","responseLength":"36","xrayTraceId":"1-6b01598d-2cb6916d86dc283cf0480ff9","integrationRequestId":"37a788d1-0676-4832-ae70-4245a4ff91e3"}"#), @r#"
    trace_id = 6b01598d2cb6916d86dc283cf0480ff9
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    http_request_method = POST
    http_route = /orders/{id}
    url_path = /orders/7
    http_response_status_code = 502
    attributes = {"requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","ip":"203.0.113.9","routeKey":"POST /orders/{id}","protocol":"HTTP/1.1","responseLength":"36"}
    "#);
}

// Metrics and spans.

#[test]
fn embedded_metrics() {
    assert_snapshot!(lambda_columns(r#"{"_aws":{"Timestamp":1795250573013,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["service"]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"},{"Name":"Absent"}]}]},"service":"payments","function_request_id":"37a788d1-0676-4832-ae70-4245a4ff91e3","Latency":[231.5,12]}"#), @r#"
    time_unix_nano = +13000000
    event_name = aws.emf
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    service_name = payments
    faas_name = cart
    faas_version = 8
    attributes = {"_aws":{"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["service"]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"},{"Name":"Absent"}]}]},"Latency":[231.5,12]}
    --
    time_unix_nano = +13000000
    event_id = e0/1
    signal = metric
    event_name = aws.emf
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    service_name = payments
    faas_name = cart
    faas_version = 8
    metric_namespace = Shop
    metric_name = Latency
    metric_unit = Milliseconds
    metric_value = 231.5
    attributes = {"service":"payments"}
    --
    time_unix_nano = +13000000
    event_id = e0/2
    signal = metric
    event_name = aws.emf
    faas_invocation_id = 37a788d1-0676-4832-ae70-4245a4ff91e3
    service_name = payments
    faas_name = cart
    faas_version = 8
    metric_namespace = Shop
    metric_name = Latency
    metric_unit = Milliseconds
    metric_value = 12
    attributes = {"service":"payments"}
    "#);
}

#[test]
fn span_in_progress() {
    assert_snapshot!(span_columns(r#"{"resource":{"attributes":{"service.name":"edge","cloud.region":"eu-west-2"}},"traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"77ca4499e07cb579","name":"edge","kind":"SERVER","startTimeUnixNano":1795250573001234567,"endTimeUnixNano":null,"attributes":{"aws.xray.inprogress":true,"http.request.method":"POST"},"status":{"code":"UNSET"},"_aws":{"xray":{"name":"edge"}}}"#), @r#"
    time_unix_nano = +1234567
    signal = span
    event_name = span.in_progress
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 77ca4499e07cb579
    service_name = edge
    span_name = edge
    span_kind = SERVER
    status_code = UNSET
    http_request_method = POST
    attributes = {"resource":{"attributes":{"cloud.region":"eu-west-2"}},"endTimeUnixNano":null,"attributes":{"aws.xray.inprogress":true},"_aws":{"xray":{"name":"edge"}}}
    "#);
}

#[test]
fn span_completed_with_exception() {
    assert_snapshot!(span_columns(r#"{"resource":{"attributes":{"service.name":"edge"}},"traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"77ca4499e07cb579","parentSpanId":"","name":"edge","kind":"SERVER","startTimeUnixNano":1795250573001234567,"endTimeUnixNano":1795250573201234569,"durationNano":200000002,"attributes":{"http.request.method":"POST","http.response.status_code":502,"aws.xray.fault":true,"telemetry.extended":"true"},"status":{"code":"ERROR","message":"upstream"},"events":[{"timeUnixNano":1795250573150000001,"name":"exception","attributes":{"exception.type":"UpstreamError","exception.message":"503 from payments","exception.stacktrace":"at pay (pay.js:3)"}}],"_aws":{"xray":{"name":"edge"}}}"#), @r#"
    time_unix_nano = +1234567
    signal = span
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 77ca4499e07cb579
    service_name = edge
    span_name = edge
    span_kind = SERVER
    status_code = ERROR
    status_message = upstream
    duration_nano = 200000002
    exception_type = UpstreamError
    exception_message = 503 from payments
    exception_stacktrace = at pay (pay.js:3)
    http_request_method = POST
    http_response_status_code = 502
    attributes = {"parentSpanId":"","attributes":{"aws.xray.fault":true,"telemetry.extended":"true"},"events":[{"timeUnixNano":1795250573150000001,"name":"exception"}],"_aws":{"xray":{"name":"edge"}}}
    "#);
}

#[test]
fn span_child_without_name() {
    assert_snapshot!(span_columns(r#"{"resource":{},"traceId":"6b01598d3e7fb97bfcc1c0c8b0cdf20a","spanId":"86ea0214b5c34e7e","parentSpanId":"77ca4499e07cb579","name":"","kind":"CLIENT","startTimeUnixNano":1795250573020234567,"endTimeUnixNano":1795250573190234567,"attributes":{"aws.local.service":"UnknownService","list":[[1,2],["a"]]},"status":{"code":"UNSET"},"_aws":{"xray":{"name":"payments","type":"subsegment"}}}"#), @r#"
    time_unix_nano = +20234567
    signal = span
    trace_id = 6b01598d3e7fb97bfcc1c0c8b0cdf20a
    span_id = 86ea0214b5c34e7e
    parent_span_id = 77ca4499e07cb579
    span_name = payments
    span_kind = CLIENT
    status_code = UNSET
    duration_nano = 170000000
    attributes = {"resource":{},"attributes":{"aws.local.service":"UnknownService","list":[[1,2],["a"]]},"_aws":{"xray":{"name":"payments","type":"subsegment"}}}
    "#);
}

// Plain text and what is nearly something.

#[test]
fn empty() {
    assert_snapshot!(app_columns(""), @"body =");
}

#[test]
fn plain() {
    assert_snapshot!(app_columns("loading catalog\n"), @"body = loading catalog");
}

#[test]
fn multi_line() {
    assert_snapshot!(app_columns("  indented\n\tmulti\n\tline stack  "), @r"body =   indented\n\tmulti\n\tline stack");
}

#[test]
fn leading_time_and_level() {
    assert_snapshot!(app_columns("2026-11-21 08:42:52,429 ERROR [main] com.acme.Pay - no stock\n"), @"
    time_unix_nano = -571000000
    severity_number = 17
    severity_text = ERROR
    body = 2026-11-21 08:42:52,429 ERROR [main] com.acme.Pay - no stock
    ");
}

#[test]
fn java_stack() {
    assert_snapshot!(app_columns("Exception in thread \"main\" java.lang.IllegalStateException: closed\n\tat com.acme.Pay.run(Pay.java:3)\n"), @r#"
    event_name = exception
    severity_number = 17
    body = Exception in thread "main" java.lang.IllegalStateException: closed\n\tat com.acme.Pay.run(Pay.java:3)
    exception_type = java.lang.IllegalStateException
    exception_message = closed
    exception_stacktrace = Exception in thread "main" java.lang.IllegalStateException: closed\n\tat com.acme.Pay.run(Pay.java:3)
    attributes = {"transect.unhandled":true}
    "#);
}

#[test]
fn python_stack() {
    assert_snapshot!(app_columns("Traceback (most recent call last):\n  File \"app.py\", line 1, in <module>\nValueError: bad\n"), @r#"
    event_name = exception
    severity_number = 17
    body = Traceback (most recent call last):\n  File "app.py", line 1, in <module>\nValueError: bad
    exception_type = ValueError
    exception_message = bad
    exception_stacktrace = Traceback (most recent call last):\n  File "app.py", line 1, in <module>\nValueError: bad
    attributes = {"transect.unhandled":true}
    "#);
}

#[test]
fn broken_json() {
    assert_snapshot!(app_columns(r#"{not json"#), @"body = {not json");
}

#[test]
fn array() {
    assert_snapshot!(app_columns("[1,2,3]"), @"body = [1,2,3]");
}

#[test]
fn array_with_a_secret() {
    assert_snapshot!(app_columns(r#"[{"password":"hunter2"},1e400]"#), @r#"body = [{"password":"[redacted:password]"},1e400]"#);
}

#[test]
fn scalar_string() {
    assert_snapshot!(app_columns("\"just a string\""), @r#"body = "just a string""#);
}

#[test]
fn null() {
    assert_snapshot!(app_columns("null"), @"body = null");
}

#[test]
fn control_characters() {
    assert_snapshot!(app_columns("é☃\0 control \u{7} and 🚀"), @r"body = é☃\0 control \u{7} and 🚀");
}

#[test]
fn duplicate_keys() {
    assert_snapshot!(app_columns(r#"{"message":"first","message":"second","a":1,"a":2}"#), @r#"
    body = first
    attributes = {"message":"second","a":1,"a":2}
    "#);
}

#[test]
fn large_numbers() {
    assert_snapshot!(app_columns(r#"{"a":{"b":{"c":[1,{"d":null}]}},"n":12345678901234567890,"f":1e400,"z":"\u0000"}"#), @r#"attributes = {"a":{"b":{"c":[1,{"d":null}]}},"n":12345678901234567890,"f":1e400,"z":"\\u0000"}"#);
}

#[test]
fn clock_far_off() {
    assert_snapshot!(app_columns(r#"{"timestamp":"1999-01-01T00:00:00Z","message":"clock far off"}"#), @r#"
    body = clock far off
    attributes = {"timestamp":"1999-01-01T00:00:00Z"}
    "#);
}

#[test]
fn clock_as_far_as_believed() {
    assert_snapshot!(app_columns(r#"{"timestamp":"2026-11-21T07:42:53Z","message":"an hour behind"}"#), @"
    time_unix_nano = -3600000000000
    body = an hour behind
    ");
}

#[test]
fn ids_that_are_none() {
    assert_snapshot!(app_columns(r#"{"trace_id":"not-hex","span_id":"","request_id":"x","message":"bad ids"}"#), @r#"
    body = bad ids
    attributes = {"trace_id":"not-hex","span_id":"","request_id":"x"}
    "#);
}

#[test]
fn secrets_in_text() {
    assert_snapshot!(app_columns("login user=bob password=hunter2 with card 4111111111111111 and AKIAIOSFODNN7EXAMPLE"), @"body = login user=bob password=[redacted:password] with card [redacted:card-number] and [redacted:aws-access-key]");
}

#[test]
fn secrets_under_keys() {
    assert_snapshot!(app_columns(r#"{"msg":"x","Set-Cookie":["a=b"],"db":{"Password":12345},"has_token":true,"card":"4111 1111 1111 1111","span_ref_id":"4111111111111111","n":4111111111111111,"note":"token=abc123 \"q\""}"#), @r#"
    body = x
    attributes = {"Set-Cookie":"[redacted:cookie]","db":{"Password":"[redacted:password]"},"has_token":true,"card":"[redacted:card-number]","span_ref_id":"4111111111111111","n":4111111111111111,"note":"token=[redacted:token] \\"q\\""}
    "#);
}

#[test]
fn a_time_of_serilogs_alone_makes_no_level() {
    let text = r#"{"@t":"2026-11-21T08:42:53.429Z","start_time":"x","note":"no serilog"}"#;
    let payload = document("/ecs/pay", "s", &[text]);
    assert_eq!(records_of(payload.as_bytes(), &Options::default()).0[0].severity_number, None);
}
