//! The table of the layouts in which loggers, runtimes and servers write text lines: one row each, with its name, its
//! writer and an example, which the tests read and from which people learn what is understood.
//!
//! It refuses to know how a layout is read.

/// A layout of the table [`FORMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    LambdaTabs,
    LambdaPython,
    LambdaLog4j,
    SpringBoot,
    TimeThreadLevel,
    TimeNameLevel,
    TimeLevel,
    TimeLevelColon,
    TimeBracketLevel,
    TimePipes,
    TimeTabs,
    BracketTime,
    BracketTimeLevel,
    Monolog,
    Airflow,
    Tornado,
    ApacheError,
    NginxError,
    MySql,
    Postgres,
    Mongo,
    Redis,
    JavaUtil,
    Nest,
    Klog,
    Logrus,
    Php,
    Ruby,
    Android,
    Tracing,
    Syslog5424,
    Syslog3164,
    GoLog,
    Time,
    PythonDefault,
    LevelTime,
    LevelTabs,
    LevelColon,
    Level,
    BracketLevel,
    ThreadLevel,
    DotNetConsole,
    LowerLevel,
    TimeColons,
    TimeLetter,
    TimeOrigin,
    SemanticLogger,
    ClickHouse,
    SwiftLog,
    NamedTime,
    NameLevel,
    OwnNameLevel,
    Erlang,
    Timbre,
    WebLogic,
}

/// One layout: how it is called, who writes it, and a line of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    #[cfg_attr(not(test), expect(dead_code, reason = "a test holds the table to the order of its forms"))]
    pub form: Form,
    pub name: &'static str,
    /// Who writes it, and where it is described.
    pub source: &'static str,
    /// A line as it is written.
    pub example: &'static str,
    /// Whether JSON directly behind the head is the logger's own record. Free text begins with no such head.
    pub opens_json: bool,
}

const fn row(form: Form, opens_json: bool, name: &'static str, source: &'static str, example: &'static str) -> Row {
    Row { form, name, source, example, opens_json }
}

/// Every layout that is understood, in the order of [`Form`].
pub(crate) const FORMS: &[Row] = &[
    row(
        Form::LambdaTabs,
        true,
        "time, request id, level, message between tabs",
        "Lambda's runtimes for Node.js and .NET, text format",
        "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tERROR\tcharge refused",
    ),
    row(
        Form::LambdaPython,
        true,
        "[level], time, request id, message between tabs",
        "Lambda's runtime for Python, text format",
        "[ERROR]\t2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tcharge refused",
    ),
    row(
        Form::LambdaLog4j,
        true,
        "time, request id, level, logger - message",
        "Log4j 2 as AWS's guide to Lambda with Java sets it up (aws-lambda-java-log4j2)",
        "2026-11-21 08:42:53.429 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 ERROR Handler:31 - charge refused",
    ),
    row(
        Form::SpringBoot,
        true,
        "time, level, process --- [application] [thread] logger : message",
        "Spring Boot's default, with the ids of Sleuth and Micrometer in brackets",
        "2026-11-21T08:42:53.429Z ERROR 1 --- [payments,6b01598d2cb6916d86dc283cf0480ff9,86ea0214b5c34e7e] [main] c.a.Pay : charge refused",
    ),
    row(
        Form::TimeThreadLevel,
        true,
        "time, [thread], level, logger - message",
        "Logback's default, Log4j's and log4net's usual patterns",
        "08:42:53.429 [main] ERROR com.acme.Pay - charge refused",
    ),
    row(
        Form::TimeNameLevel,
        true,
        "time - name - level - message",
        "Python's logging how-to",
        "2026-11-21 08:42:53,429 - payments - ERROR - charge refused",
    ),
    row(
        Form::TimeLevel,
        true,
        "time, level, message",
        "Python's, Log4j's, zerolog's and bunyan's short patterns",
        "2026-11-21 08:42:53,429 ERROR charge refused",
    ),
    row(
        Form::TimeLevelColon,
        true,
        "time, level in lower case with a colon, message",
        "winston's printf of its documentation, with or without a label in brackets",
        "2026-11-21T08:42:53.429Z error: charge refused",
    ),
    row(
        Form::TimeBracketLevel,
        true,
        "time, [level], message",
        "Serilog's file, Elixir's Logger and many others",
        "2026-11-21 08:42:53.429 +00:00 [ERR] charge refused",
    ),
    row(
        Form::TimePipes,
        true,
        "time | level | logger | message",
        "NLog's and loguru's defaults",
        "2026-11-21 08:42:53.4290|ERROR|Pay.Worker|charge refused",
    ),
    row(
        Form::TimeTabs,
        true,
        "time, level, logger, caller, message between tabs",
        "zap's console encoder",
        "2026-11-21T08:42:53.429Z\tERROR\tpay/charge.go:12\tcharge refused\t{\"order\": \"o-7\"}",
    ),
    row(
        Form::BracketTime,
        true,
        "[time], then level and message in any of the ways above",
        "gunicorn, Flask, Kafka, pino-pretty",
        "[2026-11-21 08:42:53 +0000] [8] [ERROR] charge refused",
    ),
    row(
        Form::BracketTimeLevel,
        true,
        "[time level target] message",
        "Serilog's console, Rust's env_logger, Celery",
        "[2026-11-21T08:42:53Z ERROR pay::charge] charge refused",
    ),
    row(
        Form::Monolog,
        true,
        "[time] channel.LEVEL: message {context} [extra]",
        "Monolog's LineFormatter, Laravel, Symfony",
        "[2026-11-21T08:42:53.429000+00:00] app.ERROR: charge refused {\"orderId\":\"o-7\"} []",
    ),
    row(
        Form::Airflow,
        true,
        "[time] {file:line} level - message",
        "Airflow",
        "[2026-11-21, 08:42:53 UTC] {charge.py:12} ERROR - charge refused",
    ),
    row(
        Form::Tornado,
        true,
        "[letter time origin] message",
        "Tornado, Jupyter",
        "[E 2026-11-21 08:42:53.429 ServerApp] charge refused",
    ),
    row(
        Form::ApacheError,
        true,
        "[time] [module:level] [pid n] message",
        "Apache's error log",
        "[Sat Nov 21 08:42:53.429000 2026] [core:error] [pid 8] charge refused",
    ),
    row(
        Form::NginxError,
        true,
        "time [level] process#thread: *connection message",
        "nginx's error log",
        "2026/11/21 08:42:53 [error] 8#8: *1 charge refused",
    ),
    row(
        Form::MySql,
        true,
        "time thread [level] [code] [subsystem] message",
        "MySQL's and MariaDB's error log",
        "2026-11-21T08:42:53.429000Z 42 [ERROR] [MY-010584] [Repl] charge refused",
    ),
    row(
        Form::Postgres,
        true,
        "time, connection or process, LEVEL: message",
        "PostgreSQL on RDS (`%t:%r:%u@%d:[%p]:`) and with its own default (`%m [%p] `)",
        "2026-11-21 08:42:53 UTC:10.0.1.5(49152):app@shop:[4711]:ERROR:  charge refused",
    ),
    row(
        Form::Mongo,
        true,
        "time, letter, COMPONENT, [context] message",
        "MongoDB before 4.4",
        "2026-11-21T08:42:53.429+0000 E  NETWORK  [conn1] charge refused",
    ),
    row(
        Form::Redis,
        true,
        "process:role, time, a sign for the level, message",
        "Redis and Valkey",
        "1:M 21 Nov 2026 08:42:53.429 # charge refused",
    ),
    row(
        Form::JavaUtil,
        true,
        "time, class and method, then LEVEL: message in the next line",
        "java.util.logging's SimpleFormatter",
        "Nov 21, 2026 8:42:53 AM com.acme.Pay charge\nSEVERE: charge refused",
    ),
    row(
        Form::Nest,
        true,
        "[Nest] process - time, level, [context] message",
        "NestJS's ConsoleLogger",
        "[Nest] 8  - 11/21/2026, 8:42:53 AM   ERROR [Pay] charge refused",
    ),
    row(
        Form::Klog,
        true,
        "letter and date, time, thread, file:line] message",
        "Kubernetes' klog, Google's glog",
        "E1121 08:42:53.429000       1 charge.go:12] charge refused",
    ),
    row(
        Form::Logrus,
        true,
        "LEVEL[seconds] message",
        "logrus on a terminal, go-ethereum with a date there",
        "ERRO[0001] charge refused                       order=o-7",
    ),
    row(
        Form::Php,
        false,
        "PHP level:  message, perhaps behind [time], `NOTICE: PHP message:` or both",
        "PHP's error log and its process manager",
        "[21-Nov-2026 08:42:53 UTC] PHP Warning:  charge refused",
    ),
    row(
        Form::Ruby,
        true,
        "letter, [time #process] level -- program: message",
        "Ruby's Logger, in Lambda with the request id",
        "E, [2026-11-21T08:42:53.429000 #8] ERROR -- : charge refused",
    ),
    row(
        Form::Android,
        true,
        "letter/tag(process): message, or time, process, thread, letter, tag: message",
        "Android's logcat, brief and threadtime",
        "11-21 08:42:53.429  1234  5678 E Pay: charge refused",
    ),
    row(
        Form::Tracing,
        true,
        "time, level, spans with their fields, target: message",
        "Rust's tracing-subscriber, Lambda's runtime for Rust",
        "2026-11-21T08:42:53.429Z ERROR Lambda runtime invoke{requestId=\"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\"}: pay: charge refused",
    ),
    row(
        Form::Syslog5424,
        true,
        "<priority>1 time host program process message-id data message",
        "RFC 5424",
        "<11>1 2026-11-21T08:42:53.429Z ip-10-0-1-5 payments 8 - - charge refused",
    ),
    row(
        Form::Syslog3164,
        true,
        "<priority>time host program[process]: message, the priority may lack",
        "RFC 3164; without a priority the message may begin with a level",
        "<11>Nov 21 08:42:53 ip-10-0-1-5 payments[8]: charge refused",
    ),
    row(
        Form::GoLog,
        true,
        "date with slashes, time, perhaps file:line, message",
        "Go's log package",
        "2026/11/21 08:42:53 charge refused",
    ),
    row(Form::Time, true, "time, message", "anybody", "2026-11-21T08:42:53.429Z charge refused"),
    row(
        Form::PythonDefault,
        true,
        "LEVEL:logger:message",
        "Python's logging without a configuration",
        "ERROR:payments:charge refused",
    ),
    row(
        Form::LevelTime,
        true,
        "level, time, message",
        "Django's documentation, Cassandra, Python's runtime of Lambda after tabs became blanks",
        "ERROR 2026-11-21 08:42:53,429 charge refused",
    ),
    row(
        Form::LevelTabs,
        true,
        "level, logger or caller, message between tabs",
        "zap's console encoder without time",
        "ERROR\tpay/charge.go:12\tcharge refused\t{\"order\": \"o-7\"}",
    ),
    row(Form::LevelColon, false, "LEVEL: message", "uvicorn and anybody", "ERROR: charge refused"),
    row(Form::Level, false, "LEVEL message", "anybody", "ERROR charge refused"),
    row(Form::BracketLevel, false, "[level] message", "anybody, Lambda's Python runtime too", "[warn] charge refused"),
    row(
        Form::ThreadLevel,
        false,
        "[thread] LEVEL logger - message",
        "slf4j's SimpleLogger",
        "[main] ERROR com.acme.Pay - charge refused",
    ),
    row(
        Form::DotNetConsole,
        false,
        "level: category[event] and the message in the next line",
        ".NET's console logger",
        "fail: Acme.Pay[0]\n      charge refused",
    ),
    row(
        Form::LowerLevel,
        false,
        "level: message in lower case",
        "winston's simple format, Zig's std.log with its scope in parentheses",
        "error: charge refused",
    ),
    row(
        Form::TimeColons,
        false,
        "time:LEVEL:logger:message, the logger may come first",
        "Jetty, Python's formats with colons between",
        "2026-11-21 08:42:53.429:ERROR:oejs.HttpChannel:qtp1-12: charge refused",
    ),
    row(
        Form::TimeLetter,
        false,
        "time letter! message",
        "Telegraf, the CloudWatch agent",
        "2026-11-21T08:42:53Z E! charge refused",
    ),
    row(
        Form::TimeOrigin,
        false,
        "time: letter file:line] message",
        "TensorFlow and what else logs with its library",
        "2026-11-21 08:42:53.429000: E tensorflow/pay.cc:9] charge refused",
    ),
    row(
        Form::SemanticLogger,
        false,
        "time letter [process:thread file:line] name -- message",
        "Ruby's semantic_logger",
        "2026-11-21 08:42:53.429000 E [8:main pay.rb:9] Pay -- charge refused",
    ),
    row(
        Form::ClickHouse,
        false,
        "time [thread] {query} <level> logger: message",
        "ClickHouse",
        "2026.11.21 08:42:53.429000 [ 1 ] {} <Error> pay.Charge: charge refused",
    ),
    row(
        Form::SwiftLog,
        false,
        "time level label : [source] message",
        "swift-log",
        "2026-11-21T08:42:53+0000 error pay : [Pay] charge refused",
    ),
    row(
        Form::NamedTime,
        false,
        "[name] time, then level and message in any of the ways above",
        "NATS, AWS's extensions for parameters, secrets and AppConfig",
        "[AWS Parameters and Secrets Lambda Extension] 2026/11/21 08:42:53 ERROR charge refused",
    ),
    row(
        Form::NameLevel,
        false,
        "name - LEVEL - message, or pipes between; a name of one word counts where the log group or stream has it",
        "Chalice, Python's formats without a time, Datadog's extension",
        "payments - ERROR - charge refused",
    ),
    row(
        Form::OwnNameLevel,
        false,
        "name: LEVEL: message, the level perhaps in brackets, where the log group or stream has the same name",
        "anybody outside of functions",
        "payments: ERROR: charge refused",
    ),
    row(
        Form::Erlang,
        false,
        "=LEVEL REPORT==== time ===, then the message in the next line",
        "Erlang's error logger",
        "=ERROR REPORT==== 21-Nov-2026::08:42:53.429000 ===\ncharge refused",
    ),
    row(
        Form::Timbre,
        false,
        "time host LEVEL [namespace:line] - message",
        "Clojure's timbre",
        "2026-11-21T08:42:53.429Z ip-10-0-1-5 ERROR [app.pay:12] - charge refused",
    ),
    row(
        Form::WebLogic,
        false,
        "<time> <level> <subsystem> <code> <message>",
        "WebLogic",
        "<Nov 21, 2026 8:42:53,429 AM UTC> <Error> <HTTP> <BEA-101020> <charge refused>",
    ),
];

impl Form {
    /// The row that describes this layout.
    pub(crate) fn row(self) -> Option<&'static Row> {
        FORMS.get(self as usize)
    }
}

/// Returns the table of text lines that are understood, as a page: how each begins, who writes it, and a line of it.
pub fn text_forms_markdown() -> String {
    let mut page = String::from("| a line begins with | who writes it | for example |\n|---|---|---|\n");
    for row in FORMS {
        let example = row.example.replace('|', "\\|").replace('\t', "⇥").replace('\n', "⏎");
        page.push_str(&format!("| {} | {} | `{example}` |\n", row.name.replace('|', "\\|"), row.source));
    }
    page
}
