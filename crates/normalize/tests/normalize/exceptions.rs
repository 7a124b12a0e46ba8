//! Exceptions in text, language by language: a table of text, type, message, whether a stack came with it, and whether
//! a runtime printed it because nobody caught it (then a line without a level is an error).
//!
//! It refuses to look at how they are found: only columns count.

use std::fmt::Write as _;

use super::*;

const LOGGED: bool = false;
const UNHANDLED: bool = true;
const STACK: bool = true;
const NO_STACK: bool = false;

/// A text, the type and message expected of it (empty for none), and what else is.
type Case = (&'static str, &'static str, &'static str, bool, bool);

fn told(message: &str) -> Record<'static> {
    let (mut records, _) = records_of(document("/ecs/app", "app/1", &[message]).as_bytes(), &Options::default());
    assert_eq!(records.len(), 1, "{message}");
    records.remove(0)
}

/// What differs from the table; all rows are tried before the test fails.
fn differences(text: &str, case: &Case, record: &Record<'_>, with_origin: bool) -> String {
    let (_, kind, message, has_stack, is_unhandled) = case;
    let mut out = String::new();
    for (column, found, wanted) in
        [("type", &record.exception_type, kind), ("message", &record.exception_message, message)]
    {
        if found.as_deref().unwrap_or_default().replace("\r\n", "\n").replace(['\r'], "\n").replace("  \n", "\n")
            != **wanted
        {
            writeln!(out, "  {column}: {found:?}, not {wanted:?}").unwrap();
        }
    }
    if record.exception_stacktrace.is_some() != *has_stack {
        writeln!(out, "  stack: {:?}", record.exception_stacktrace).unwrap();
    }
    let found = record.severity_number == Some(17);
    if with_origin && found != *is_unhandled {
        writeln!(out, "  unhandled: {found}, severity {:?}", record.severity_number).unwrap();
    }
    if out.is_empty() { out } else { format!("{text:?}\n{out}") }
}

/// Checks each case as it stands, with both other line ends, with blanks behind lines, with colours, and as the
/// message of a JSON record.
fn check(cases: &[Case]) {
    let mut out = String::new();
    for case in cases {
        let text = case.0;
        for line_end in ["\n", "\r\n", "\r", "  \n"] {
            let text = text.replace('\n', line_end);
            out += &differences(&text, case, &told(&text), true);
        }
        let coloured = text.replace('\n', "\u{1b}[0m\n\u{1b}[31;1m");
        out += &differences(&coloured, case, &told(&coloured), true);
        let json = serde_json::json!({ "level": "info", "n": 1, "message": text }).to_string();
        out += &differences(&json, case, &told(&json), false);
    }
    assert!(out.is_empty(), "{out}");
}

#[test]
fn python() {
    check(&[
        (
            "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n\u{a0}\u{a0}File \"/var/task/app.py\", line 9, in handler\n\u{a0}\u{a0}\u{a0}\u{a0}return stock['sku']",
            "KeyError",
            "'sku'",
            STACK,
            UNHANDLED,
        ),
        (
            "[ERROR] KeyError: \"['sku'] not in index\"\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    df = df[cols]",
            "KeyError",
            "\"['sku'] not in index\"",
            STACK,
            UNHANDLED,
        ),
        (
            "[ERROR] ValidationError: 1 validation error for Order\nsku\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.9/v/missing\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    order = Order(**event)",
            "ValidationError",
            "1 validation error for Order\nsku\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.9/v/missing",
            STACK,
            UNHANDLED,
        ),
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'x'\nTraceback (most recent call last):",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'x'",
            STACK,
            UNHANDLED,
        ),
        (
            "[ERROR] Runtime.MarshalError: Unable to marshal response: Object of type Decimal is not JSON serializable",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type Decimal is not JSON serializable",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code.\n[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'x'\nTraceback (most recent call last):",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'x'",
            STACK,
            UNHANDLED,
        ),
        (
            "Traceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in call\n    socket.getaddrinfo(host, 443)\nsocket.gaierror: [Errno -2] Name or service not known",
            "socket.gaierror",
            "[Errno -2] Name or service not known",
            STACK,
            UNHANDLED,
        ),
        (
            "INFO save failed\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in save\n    cur.execute(sql)\npsycopg2.errors.UniqueViolation: duplicate key value violates unique constraint \"orders_pkey\"\nDETAIL:  Key (id)=(o-7) already exists.",
            "psycopg2.errors.UniqueViolation",
            "duplicate key value violates unique constraint \"orders_pkey\"\nDETAIL:  Key (id)=(o-7) already exists.",
            STACK,
            LOGGED,
        ),
        (
            "charge failed\nTraceback (most recent call last):\n  File \"app.py\", line 3, in a\n    b()\nKeyError: 'sku'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"app.py\", line 5, in handler\n    raise CardExpired('card is expired')\napp.CardExpired: card is expired",
            "app.CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "Traceback (most recent call last):\n  File \"app.py\", line 3, in a\nConnectionError: reset\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"app.py\", line 5, in handler\nRuntimeError: first line\n\nthird line",
            "RuntimeError",
            "first line\n\nthird line",
            STACK,
            UNHANDLED,
        ),
        (
            "  + Exception Group Traceback (most recent call last):\n  |   File \"app.py\", line 3, in <module>\n  |     raise ExceptionGroup(\"eg\", [ValueError(1), TypeError(2)])\n  | ExceptionGroup: eg (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +---------------- 2 ----------------\n    | TypeError: 2\n    +------------------------------------",
            "ExceptionGroup",
            "eg (2 sub-exceptions)",
            STACK,
            UNHANDLED,
        ),
        (
            "Traceback (most recent call last):\n  File \"/var/task/x.py\", line 1, in <module>\n    import y\n  File \"/var/task/y.py\", line 3\n    def f(\n         ^\nSyntaxError: '(' was never closed",
            "SyntaxError",
            "'(' was never closed",
            STACK,
            UNHANDLED,
        ),
        (
            "  File \"/var/task/y.py\", line 3\n    def f(\n         ^\nSyntaxError: '(' was never closed",
            "SyntaxError",
            "'(' was never closed",
            STACK,
            UNHANDLED,
        ),
        (
            "Traceback (most recent call last):\n  File \"app.py\", line 1, in <module>\n    time.sleep(9)\nKeyboardInterrupt",
            "KeyboardInterrupt",
            "",
            STACK,
            UNHANDLED,
        ),
        (
            "Exception in thread Thread-1 (work):\nTraceback (most recent call last):\n  File \"threading.py\", line 1, in run\n    work()\nAssertionError",
            "AssertionError",
            "",
            STACK,
            UNHANDLED,
        ),
        (
            "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f (most recent call first):\n  File \"app.py\", line 1 in handler",
            "Fatal Python error",
            "Segmentation fault",
            STACK,
            UNHANDLED,
        ),
        (
            "2026-11-21 08:42:53,429 - app - INFO - charge failed: KeyError: 'sku'\nTraceback (most recent call last):\n  File \"app.py\", line 1, in a",
            "KeyError",
            "'sku'",
            STACK,
            LOGGED,
        ),
    ]);
}

#[test]
fn a_logger_may_begin_with_its_level_in_brackets_as_the_runtime_does() {
    let record = told(
        "[ERROR] ValueError: wrapped\nTraceback (most recent call last):\n  File \"app.py\", line 1, in a\n    b()\nKeyError: 'sku'",
    );
    assert_eq!(record.exception_type.as_deref(), Some("KeyError"));
    assert_eq!(record.exception_message.as_deref(), Some("'sku'"));
}

#[test]
fn node() {
    check(&[
        (
            "TypeError: x is not a function\n    at handler (/var/task/index.js:12:9)\n    at async Promise.all (index 0)",
            "TypeError",
            "x is not a function",
            STACK,
            UNHANDLED,
        ),
        (
            "INFO charge failed: TypeError: card is expired\n    at charge (/var/task/index.js:3:9)",
            "TypeError",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "node:internal/modules/cjs/loader:1080\n  throw err;\n  ^\n\nError: Cannot find module '/app/x.js'\nRequire stack:\n- /app/y.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15) {\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js v22.0.0",
            "Error",
            "Cannot find module '/app/x.js'\nRequire stack:\n- /app/y.js",
            STACK,
            UNHANDLED,
        ),
        (
            "node:internal/process/promises:288\n            triggerUncaughtException(err, true /* fromPromise */);\n            ^\n\n[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block. The promise rejected with the reason \"x\".] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}",
            "UnhandledPromiseRejection",
            "This error originated either by throwing inside of an async function without a catch block. The promise rejected with the reason \"x\".",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x'\n    at packageResolve (node:internal/modules/esm/resolve:873:9)",
            "Error",
            "Cannot find package 'x'",
            STACK,
            UNHANDLED,
        ),
        (
            "TypeError [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be of type string\n    at open (node:fs:1:1)",
            "TypeError",
            "The \"path\" argument must be of type string",
            STACK,
            UNHANDLED,
        ),
        (
            "AggregateError [ECONNREFUSED]: \n    at internalConnectMultiple (node:net:1139:18)\n    at node:net:1714:7 {\n  code: 'ECONNREFUSED',\n  [errors]: [\n    Error: connect ECONNREFUSED ::1:5432\n        at createConnectionError (node:net:1677:14)\n  ]\n}",
            "AggregateError",
            "",
            STACK,
            UNHANDLED,
        ),
        (
            "CardExpired: card is expired\n    at charge (/var/task/index.js:3:9) {\n  [cause]: Error: inner\n      at x (/var/task/x.js:1:1)\n}",
            "CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "Error: card is expired\n  order: o-7\n  Detail: none\n    at /var/task/index.js:3:9\n    at file:///var/task/x.mjs:1:1",
            "Error",
            "card is expired\n  order: o-7\n  Detail: none",
            STACK,
            UNHANDLED,
        ),
        (
            "Error: connect ECONNREFUSED 127.0.0.1:5432",
            "Error",
            "connect ECONNREFUSED 127.0.0.1:5432",
            NO_STACK,
            LOGGED,
        ),
        (
            "[Error: ENOENT: no such file or directory, open 'x'] {\n  errno: -2,\n  code: 'ENOENT'\n}",
            "Error",
            "ENOENT: no such file or directory, open 'x'",
            NO_STACK,
            LOGGED,
        ),
        (
            "Error: TypeError: x is undefined\n    at handler (/var/task/index.js:12:9)",
            "TypeError",
            "x is undefined",
            STACK,
            LOGGED,
        ),
        (
            "(node:8) UnhandledPromiseRejectionWarning: Error: boom\n    at main (/app/x.js:1:1)",
            "Error",
            "boom",
            STACK,
            UNHANDLED,
        ),
        (
            "error: Uncaught (in promise) CardExpired: boom\n    at file:///app/x.ts:1:7",
            "CardExpired",
            "boom",
            STACK,
            UNHANDLED,
        ),
        (
            "1 | throw new Error(\"boom\")\n          ^\nerror: boom\n      at /app/x.ts:1:7",
            "Error",
            "boom",
            STACK,
            UNHANDLED,
        ),
        (
            "StripeCardError: declined\nat charge (/var/task/index.js:3:9)\nat handler (/var/task/index.js:9:3)",
            "StripeCardError",
            "declined",
            STACK,
            UNHANDLED,
        ),
        (
            "DOMException [AbortError]: This operation was aborted\n    at new DOMException (node:internal/per_context/domexception:53:5)",
            "DOMException",
            "This operation was aborted",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn java() {
    check(&[
        (
            "card is expired: java.lang.IllegalStateException\njava.lang.IllegalStateException: card is expired\n\tat com.acme.Pay.handleRequest(Pay.java:31)",
            "java.lang.IllegalStateException",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "java.lang.NullPointerException: java.lang.NullPointerException\njava.lang.NullPointerException\n\tat com.acme.Pay.handleRequest(Pay.java:31)",
            "java.lang.NullPointerException",
            "",
            STACK,
            UNHANDLED,
        ),
        (
            "Class not found: com.acme.Pay: java.lang.ClassNotFoundException\njava.lang.ClassNotFoundException: com.acme.Pay. Current classpath: file:/var/task/\n\tat java.base/java.net.URLClassLoader.findClass(Unknown Source)",
            "java.lang.ClassNotFoundException",
            "com.acme.Pay. Current classpath: file:/var/task/",
            STACK,
            UNHANDLED,
        ),
        (
            "java.io.IOException: reset: java.lang.RuntimeException\njava.lang.RuntimeException: java.io.IOException: reset\n\tat com.acme.Pay.handleRequest(Pay.java:31)\nCaused by: java.io.IOException: reset\n\t... 12 more",
            "java.lang.RuntimeException",
            "java.io.IOException: reset",
            STACK,
            UNHANDLED,
        ),
        (
            "Exception in thread \"main\" java.lang.IllegalStateException: closed\n\tat com.acme.Pay.run(Pay.java:3)",
            "java.lang.IllegalStateException",
            "closed",
            STACK,
            UNHANDLED,
        ),
        (
            "Exception in thread \"DefaultDispatcher-worker-1 @coroutine#2\" acme.Refused: no\n\tat acme.PayKt.main(Pay.kt:3)\n\tSuppressed: kotlinx.coroutines.internal.DiagnosticCoroutineContextException: [x]",
            "acme.Refused",
            "no",
            STACK,
            UNHANDLED,
        ),
        (
            "INFO save failed\norg.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"orders_pkey\"\n  Detail: Key (id)=(o-7) already exists.\n\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2676)",
            "org.postgresql.util.PSQLException",
            "ERROR: duplicate key value violates unique constraint \"orders_pkey\"\n  Detail: Key (id)=(o-7) already exists.",
            STACK,
            LOGGED,
        ),
        (
            "INFO [main] com.acme.Pay - java.lang.NullPointerException\n\tat com.acme.Pay.run(Pay.java:3) ~[pay.jar:1.0]",
            "java.lang.NullPointerException",
            "",
            STACK,
            LOGGED,
        ),
        (
            "com.acme.Pay$CardExpired: card is expired\n\tat java.base/java.lang.Thread.run(Thread.java:1583)\n\t... 12 more",
            "com.acme.Pay$CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "java.lang.OutOfMemoryError: Java heap space",
            "java.lang.OutOfMemoryError",
            "Java heap space",
            NO_STACK,
            LOGGED,
        ),
        (
            "Terminating due to java.lang.OutOfMemoryError: Java heap space",
            "java.lang.OutOfMemoryError",
            "Java heap space",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "Error occurred during initialization of boot layer\njava.lang.module.FindException: Module x not found",
            "java.lang.module.FindException",
            "Module x not found",
            STACK,
            UNHANDLED,
        ),
        (
            "Error occurred during initialization of VM\nCould not reserve enough space for object heap",
            "",
            "Could not reserve enough space for object heap",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "INFO 1 --- [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw exception [Request processing failed: java.lang.IllegalStateException: card is expired] with root cause\n\njava.lang.IllegalStateException: card is expired\n\tat com.acme.Pay.run(Pay.java:3)",
            "java.lang.IllegalStateException",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV (0xb) at pc=0x00007f, pid=8, tid=9",
            "SIGSEGV",
            "SIGSEGV (0xb) at pc=0x00007f, pid=8, tid=9",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn dotnet() {
    check(&[
        (
            "System.InvalidOperationException: card is expired\n   at Pay.Function.Handle()",
            "System.InvalidOperationException",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "Unhandled exception. System.AggregateException: One or more errors occurred. (card is expired)\n ---> System.IO.IOException: card is expired\n   at Pay.A.B() in /src/A.cs:line 3\n   --- End of inner exception stack trace ---\n   at Pay.C.D[T](List`1 x)\n--- End of stack trace from previous location ---\n   at Pay.E.F()",
            "System.AggregateException",
            "One or more errors occurred. (card is expired)",
            STACK,
            UNHANDLED,
        ),
        (
            "Acme.Fault`1[System.String]: refused\n   at Acme.X.<>c__DisplayClass1_0.<Run>b__0()",
            "Acme.Fault`1[System.String]",
            "refused",
            STACK,
            UNHANDLED,
        ),
        (
            "System.Net.Sockets.SocketException (111): Connection refused\n   at System.Net.Sockets.Socket.Connect()",
            "System.Net.Sockets.SocketException",
            "Connection refused",
            STACK,
            UNHANDLED,
        ),
        (
            "Npgsql.PostgresException (0x80004005): 23505: duplicate key\n\nDETAIL: Key (id)=(o-7) already exists.\n   at Npgsql.Internal.NpgsqlConnector.Read()",
            "Npgsql.PostgresException",
            "23505: duplicate key\n\nDETAIL: Key (id)=(o-7) already exists.",
            STACK,
            UNHANDLED,
        ),
        (
            "An unhandled exception has occurred while executing the request.\n      Acme.Pay+CardExpired: card is expired\n         at Pay.Function.Handle(String x, Int32 y)",
            "Acme.Pay+CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "System.Exception: outer ---> System.IO.IOException: inner\n   at Pay.A.B()\n   --- End of inner exception stack trace ---",
            "System.Exception",
            "outer",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn ruby() {
    check(&[
        (
            "app.rb:9:in 'charge': card is expired (CardExpired)\n\tfrom app.rb:12:in 'handler'",
            "CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "/var/task/app.rb:9:in `Pay#charge': card is expired (Pay::CardExpired)",
            "Pay::CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "Traceback (most recent call last):\n\t1: from app.rb:12:in `<main>'\napp.rb:9:in `charge': card is expired (CardExpired)",
            "CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "I, [2026-11-21T08:42:53.429 #8]  INFO -- : card is expired (CardExpired)\napp.rb:9:in 'charge'\napp.rb:12:in 'handler'",
            "CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "CardExpired (card is expired):\n\napp/models/pay.rb:9:in `charge'",
            "CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        ("app.rb:1:in '<main>': unhandled exception", "RuntimeError", "", STACK, UNHANDLED),
    ]);
}

#[test]
fn go() {
    check(&[
        (
            "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d",
            "panic",
            "boom",
            STACK,
            UNHANDLED,
        ),
        (
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d\nexit status 2",
            "runtime.Error",
            "runtime error: invalid memory address or nil pointer dereference",
            STACK,
            UNHANDLED,
        ),
        (
            "panic: main.CardExpired{Order:\"o-7\"}\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d",
            "main.CardExpired",
            "main.CardExpired{Order:\"o-7\"}",
            STACK,
            UNHANDLED,
        ),
        (
            "panic: boom [recovered]\n\tpanic: boom\n\ngoroutine 6 [running]:\ntesting.tRunner.func1.2({0x1, 0x2})\n\t/src/main.go:5 +0x1d",
            "panic",
            "boom",
            STACK,
            UNHANDLED,
        ),
        (
            "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/src/main.go:5 +0x1d",
            "fatal error",
            "all goroutines are asleep - deadlock!",
            STACK,
            UNHANDLED,
        ),
        (
            "2026/11/21 08:42:53 http: panic serving 10.0.0.1:4321: boom\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/src/net/http/server.go:1883 +0xb0",
            "panic",
            "boom",
            STACK,
            LOGGED,
        ),
        (
            "INFO recovered from panic: boom\ngoroutine 7 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d",
            "panic",
            "boom",
            STACK,
            LOGGED,
        ),
        (
            "charge refused\nmain.charge\n\t/src/pay.go:12\nmain.main\n\t/src/main.go:5",
            "",
            "charge refused",
            STACK,
            LOGGED,
        ),
        ("panic: boom", "panic", "boom", NO_STACK, UNHANDLED),
        (
            "SIGSEGV: segmentation violation\nPC=0x40 m=0 sigcode=1\n\ngoroutine 1 [syscall]:",
            "SIGSEGV",
            "segmentation violation",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn rust() {
    check(&[
        (
            "thread 'main' panicked at src/main.rs:12:5:\ncalled `Option::unwrap()` on a `None` value\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "panic",
            "called `Option::unwrap()` on a `None` value",
            STACK,
            UNHANDLED,
        ),
        (
            "thread 'main' (4711) panicked at src/main.rs:12:5:\nassertion `left == right` failed\n  left: 1\n right: 2\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/library/std/src/panicking.rs:1:5",
            "panic",
            "assertion `left == right` failed\n  left: 1\n right: 2",
            STACK,
            UNHANDLED,
        ),
        (
            "thread 'main' panicked at 'card's expired, no', src/main.rs:12:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "panic",
            "card's expired, no",
            STACK,
            UNHANDLED,
        ),
        ("INFO log_panics: thread 'main' panicked at 'boom': src/main.rs:12\n   0: x", "panic", "boom", STACK, LOGGED),
        (
            "Error: charge refused\n\nCaused by:\n    0: card is expired\n    1: reset",
            "Error",
            "charge refused",
            STACK,
            UNHANDLED,
        ),
        (
            "Error: Os { code: 2, kind: NotFound, message: \"No such file\" }",
            "Error",
            "Os { code: 2, kind: NotFound, message: \"No such file\" }",
            NO_STACK,
            LOGGED,
        ),
        (
            "The application panicked (crashed).\nMessage:  boom\nLocation: src/main.rs:12",
            "panic",
            "boom",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn php() {
    check(&[
        (
            "PHP Fatal error:  Uncaught RuntimeException: card is expired in /var/task/index.php:12\nStack trace:\n#0 /var/task/index.php(20): charge()\n#1 {main}\n  thrown in /var/task/index.php on line 12",
            "RuntimeException",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "Fatal error: Uncaught App\\Exceptions\\CardExpired: card is expired\nreally in /var/task/index.php:12\nStack trace:\n#0 {main}\n  thrown in /var/task/index.php on line 12",
            "App\\Exceptions\\CardExpired",
            "card is expired\nreally",
            STACK,
            UNHANDLED,
        ),
        (
            "[21-Nov-2026 08:42:53 UTC] PHP Fatal error:  Uncaught CardExpired: card is expired in /var/task/index.php:12\nStack trace:\n#0 {main}\n\nNext LogicException: outer in /var/task/index.php:14\nStack trace:\n#0 {main}\n  thrown in /var/task/index.php on line 14",
            "LogicException",
            "outer",
            STACK,
            UNHANDLED,
        ),
        (
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 65536 bytes) in /var/task/index.php on line 3",
            "Fatal error",
            "Allowed memory size of 134217728 bytes exhausted (tried to allocate 65536 bytes)",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "PHP Fatal error:  Uncaught Error: Call to undefined function foo() in /var/task/index.php:12",
            "Error",
            "Call to undefined function foo()",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "[2026-11-21T08:42:53.429+00:00] production.INFO: card is expired {\"exception\":\"[object] (App\\\\CardExpired(code: 0): card is expired at /var/task/index.php:12)\n[stacktrace]\n#0 /var/task/index.php(20): charge()\n#1 {main}\n\"} ",
            "App\\CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "[2026-11-21T08:42:53.429+00:00] app.INFO: x {\"exception\":\"[object] (RuntimeException(code: 0): card is expired at /var/task/index.php:12)\"} []",
            "RuntimeException",
            "card is expired",
            NO_STACK,
            LOGGED,
        ),
        (
            "2026/11/21 08:42:53 [error] 8#8: *1 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught RuntimeException: card is expired in /app/a.php:9\" while reading response header from upstream, client: 10.0.1.5",
            "RuntimeException",
            "card is expired",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "[21-Nov-2026 08:42:53 Europe/Berlin] PHP Fatal error:  Uncaught RuntimeException: card is expired in /app/a.php:9",
            "RuntimeException",
            "card is expired",
            NO_STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn others() {
    check(&[
        (
            "Fatal error: Index out of range: file main.swift, line 5",
            "Fatal error",
            "Index out of range",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "Swift/ContiguousArrayBuffer.swift:600: Fatal error: Index out of range",
            "Fatal error",
            "Index out of range",
            NO_STACK,
            UNHANDLED,
        ),
        // Whatever letter the file begins with.
        ("Pay/main.swift:9: Fatal error: no sku", "Fatal error", "no sku", NO_STACK, UNHANDLED),
        ("Edge/main.swift:9: Fatal error: no sku", "Fatal error", "no sku", NO_STACK, UNHANDLED),
        ("/src/main.swift:9: Fatal error: no sku", "Fatal error", "no sku", NO_STACK, UNHANDLED),
        ("** (RuntimeError) boom\n    (app 0.1.0) lib/a.ex:5: A.f/1", "RuntimeError", "boom", STACK, UNHANDLED),
        (
            "INFO GenServer A terminating\n** (MyApp.CardExpired) card is expired\n    (stdlib 5.0) gen_server.erl:1: :gen_server.loop/7",
            "MyApp.CardExpired",
            "card is expired",
            STACK,
            LOGGED,
        ),
        (
            "terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom",
            "std::runtime_error",
            "boom",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "libc++abi: terminating due to uncaught exception of type std::runtime_error: boom",
            "std::runtime_error",
            "boom",
            NO_STACK,
            UNHANDLED,
        ),
        (
            "Unhandled exception: card is expired (CardExpired)\n  from src/pay.cr:3:1 in 'charge'\n  from src/pay.cr:9:1 in '__crystal_main'",
            "CardExpired",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        (
            "Fatal error: exception Failure(\"card is expired\")\nRaised at Stdlib.failwith in file \"stdlib.ml\", line 29, characters 17-33",
            "Failure",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
        ("Fatal error: exception Not_found", "Not_found", "", NO_STACK, UNHANDLED),
        (
            "thread 7 panic: card is expired\n/src/main.zig:3:5: 0x1049 in main (main)\n    @panic(message);",
            "panic",
            "card is expired",
            STACK,
            UNHANDLED,
        ),
    ]);
}

#[test]
fn a_line_alone() {
    check(&[
        ("ValueError: card is expired", "ValueError", "card is expired", NO_STACK, LOGGED),
        ("com.acme.CardException: card is expired", "com.acme.CardException", "card is expired", NO_STACK, LOGGED),
        ("InvalidCardFault: card is expired", "InvalidCardFault", "card is expired", NO_STACK, LOGGED),
        ("LoginFailure: wrong password or name", "LoginFailure", "wrong password or name", NO_STACK, LOGGED),
        ("CardExpired: card is expired", "", "", NO_STACK, LOGGED),
        ("DeprecationWarning: x is deprecated", "", "", NO_STACK, LOGGED),
        ("TimeoutError: 3", "", "", NO_STACK, LOGGED),
        ("Error: could not load the configuration, using defaults", "", "", NO_STACK, LOGGED),
        ("Exception: none", "", "", NO_STACK, LOGGED),
    ]);
}

#[test]
fn innocent_text_is_no_exception() {
    let texts = [
        "Meeting at noon\n    at the office",
        "Fatal error: exception handling failed",
        "Fatal error: exception handler",
        "thread pool panic: none of us",
        "Unhandled exception: (none)\n  from here",
        "Unhandled exception: boom (of a kind)\n  from here",
        "FastCGI sent in stderr: \"PHP message: all is well\" while reading",
        "Meeting: noon\n    at the office (main building)",
        "Note: x\n  at y",
        "Order: o-7\n    at warehouse",
        "We had a look. Error: the shop was closed. We went home\nand came back.",
        "errors:\n  at: x\n  in: y\nsteps:\n  - at noon",
        "SELECT *\n  FROM orders\n  WHERE created\n    at time zone 'UTC' > now()",
        "<html>\n  <body>\n    at <b>Error</b>: x\n  </body>\n</html>",
        "ERROR",
        "ERROR: something failed",
        "result: {\n  \"error\": \"TypeError: x\",\n  \"at\": 1\n}",
        "no KeyError was found",
        "no KeyError was found\nin 3 files",
        "PHP Warning:  Undefined variable $x in /var/task/index.php on line 3",
        "panicked at the disco",
        "The thread 'x' was fine",
        "don't panic: all is well\nreally",
        "Process finished\nStack trace: none",
        "goroutine count: 7\nheap: 3",
        "** (note) read this",
        "** (Optional) read this",
        "Caused by:\n  the weather",
        "Location:\n  Berlin",
        "fatal error: foo.h: No such file or directory",
        "Fatal error: could not connect",
        "main.go\n\tbuild",
        "terminate called it a day",
        "[INFO] KeyError count is 3",
        "see x.rb:3:in 'y' for more",
        "Stack (most recent call last):\n  File \"app.py\", line 1, in <module>",
        "TimeoutError: 3\nKeyError: 0",
        "(node:8) ExperimentalWarning: x is experimental\n(Use `node --trace-warnings ...` to show where)",
        "Content-Type: text/html\n  at: 3",
        "Dear all,\n\nTypeError is a class.\n    at least in Python\n",
        "Trace: here\n    at handler (/var/task/index.js:1:2)",
        "Here is how to read a trace:\n    at com.acme.Pay.run(Pay.java:3)\nmeans line three.",
        "",
        "\n\n",
        "\u{1b}[31m",
    ];
    let found: Vec<_> = texts
        .into_iter()
        .filter(|text| {
            let record = told(text);
            record.exception_type.is_some()
                || record.exception_message.is_some()
                || record.exception_stacktrace.is_some()
                || record.severity_number == Some(17) && !text.starts_with("ERROR")
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
