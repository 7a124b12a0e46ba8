//! Lines of every layout, and lines of none.

use super::forms::FORMS;
use super::*;

#[test]
fn every_row_of_the_table_reads_its_own_example() {
    for (place, row) in FORMS.iter().enumerate() {
        assert_eq!(row.form as usize, place, "{:?} stands in its own place", row.form);
        assert!(FORMS.iter().filter(|other| other.name == row.name).count() == 1, "{}", row.name);
        assert!(!row.source.is_empty(), "{}", row.name);
        let head = head(row.example).unwrap_or_else(|| panic!("{:?}: {}", row.form, row.example));
        assert_eq!(head.form, row.form, "{}", row.example);
        assert_eq!(head.opens_json, row.opens_json, "{}", row.example);
        assert!(row.example[head.message_at..].starts_with("charge refused"), "{}: {head:?}", row.example);
        let expected = match row.form {
            Form::GoLog | Form::Time => None,
            Form::Redis | Form::BracketLevel | Form::Php => Some(severity::WARN),
            _ => Some(severity::ERROR),
        };
        assert_eq!(head.severity_number, expected, "{}", row.example);
    }
}

/// A line, its layout, its severity, and how its message begins.
type Line = (&'static str, Form, Option<i32>, &'static str);

#[rustfmt::skip]
const LINES: &[Line] = &[
    ("2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tcrit\tno database", Form::LambdaTabs, Some(21), "no databas"),
    ("2026-11-21T08:42:53.429Z\tundefined\tINFO\tcold start", Form::LambdaTabs, Some(9), "cold start"),
    ("2026-11-21T08:42:53.429Z 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Task timed out after 3.00 seconds", Form::Time, None, "3f0c1d52-8"),
    ("[INFO]\t2026-11-21T08:42:53.429Z\t\tFound credentials", Form::LambdaPython, Some(9), "Found cred"),
    ("[ERROR] KeyError: 'sku'\nTraceback", Form::BracketLevel, Some(17), "KeyError: "),
    ("[WARNING] 2026-11-21T08:42:53.429Z 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 slow", Form::LevelTime, Some(13), "slow"),
    ("2026-11-21 08:42:53  ERROR Handler - no request", Form::TimeLevel, Some(17), "no request"),
    (r#"2026-11-21 08:42:53 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 WARN  com.acme.Handler - {"a":1}"#, Form::LambdaLog4j, Some(13), "{\"a\":1}"),
    ("2026-11-21T08:42:53.429Z  INFO 1 --- [           main] c.a.Pay                                  : charged", Form::SpringBoot, Some(9), "charged"),
    ("2026-11-21T08:42:53.429+01:00  WARN 1 --- [payments] [nio-8080-exec-1] [6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e] c.a.Pay : slow", Form::SpringBoot, Some(13), "slow"),
    ("2026-11-21 08:42:53.429  INFO [payments,e457b5a2e4d86bd1,05e3ac9a4f6e3b90,true] 1 --- [nio-1] c.a.Pay : charged", Form::SpringBoot, Some(9), "charged"),
    (r#"2026-11-21 08:42:53.429 ERROR [payments,,] 1 --- [main] c.a.Pay : {"x":1}"#, Form::SpringBoot, Some(17), "{\"x\":1}"),
    ("2026-11-21 08:42:53.429 ERROR 8 --- [main] o.s.boot.SpringApplication               : Application run failed", Form::SpringBoot, Some(17), "Applicatio"),
    ("08:42:53.429 [http-nio-8080-exec-1] WARN  c.a.Pay - slow", Form::TimeThreadLevel, Some(13), "slow"),
    ("2026-11-21 08:42:53,429 [main] ERROR com.acme.Pay - refused", Form::TimeThreadLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53,429 [12] FATAL Acme.Pay [(null)] - refused", Form::TimeThreadLevel, Some(21), "Acme.Pay ["),
    ("2026-11-21 08:42:53,429 ERROR [main] com.acme.Pay: refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53,429 ERROR [com.acme.Pay] (executor-thread-1) refused", Form::TimeLevel, Some(17), "refused"),
    ("08:42:53,429 INFO  [org.jboss.as] (Controller Boot Thread) started", Form::TimeLevel, Some(9), "started"),
    ("WARNING:root:low stock", Form::PythonDefault, Some(13), "low stock"),
    ("CRITICAL:payments.api:down", Form::PythonDefault, Some(21), "down"),
    (r#"INFO:werkzeug:127.0.0.1 - - [21/Nov/2026 08:42:53] "GET / HTTP/1.1" 500 -"#, Form::PythonDefault, Some(9), "127.0.0.1 "),
    ("2026-11-21 08:42:53,429 - payments.api - CRITICAL - refused", Form::TimeNameLevel, Some(21), "refused"),
    ("2026-11-21 08:42:53,429 payments ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53,429 payments.api ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53,429 [ERROR] payments: refused", Form::TimeBracketLevel, Some(17), "payments: "),
    ("2026-11-21 08:42:53,429 | ERROR | payments | refused", Form::TimePipes, Some(17), "refused"),
    ("2026-11-21 08:42:53.429 | SUCCESS  | __main__:charge:12 - charged", Form::TimePipes, Some(9), "charged"),
    (r#"2026-11-21 08:42:53.429 | INFO     | __main__:<module>:3 - {"a":1}"#, Form::TimePipes, Some(9), "{\"a\":1}"),
    ("2026-11-21 08:42:53,429 INFO sqlalchemy.engine.Engine SELECT 1", Form::TimeLevel, Some(9), "sqlalchemy"),
    ("[2026-11-21 08:42:53 +0000] [8] [CRITICAL] WORKER TIMEOUT (pid:12)", Form::BracketTime, Some(21), "WORKER TIM"),
    ("[2026-11-21 08:42:53,429] ERROR in app: Exception on / [GET]", Form::BracketTime, Some(17), "in app: Ex"),
    ("[2026-11-21 08:42:53,429: ERROR/MainProcess] Task pay failed", Form::BracketTimeLevel, Some(17), "Task pay f"),
    ("[2026-11-21 08:42:53,429: WARNING/ForkPoolWorker-1] slow", Form::BracketTimeLevel, Some(13), "slow"),
    ("[2026-11-21 08:42:53,429] WARN [Consumer clientId=c, groupId=g] Connection lost (org.apache.kafka.clients.NetworkClient)", Form::BracketTime, Some(13), "Connection"),
    (r#"[2026-11-21T08:42:53.429000+00:00] app.CRITICAL: refused {"a":1} []"#, Form::Monolog, Some(21), "refused {\""),
    (r#"[2026-11-21 08:42:53] local.ERROR: refused {"exception":"[object] (PDOException(code: 2002)"} "#, Form::Monolog, Some(17), "refused {\""),
    (r#"[2026-11-21T08:42:53+00:00] request.INFO: Matched route "pay" {"route":"pay"} []"#, Form::Monolog, Some(9), "Matched ro"),
    ("[08:42:53 ERR] refused", Form::BracketTimeLevel, Some(17), "refused"),
    ("[08:42:53 INF] charged", Form::BracketTimeLevel, Some(9), "charged"),
    ("[08:42:53.429 FTL] down", Form::BracketTimeLevel, Some(21), "down"),
    ("2026-11-21 08:42:53.429 +00:00 [WRN] slow", Form::TimeBracketLevel, Some(13), "slow"),
    ("fail: Acme.Pay[0]\n      refused\n      System.Exception: x", Form::DotNetConsole, Some(17), "refused\n  "),
    ("crit: Microsoft.Hosting[-1]\n      down", Form::DotNetConsole, Some(21), "down"),
    ("info: Microsoft.Hosting.Lifetime[14] Now listening on: http://[::]:8080", Form::LowerLevel, Some(9), "Microsoft."),
    ("warn: slow", Form::LowerLevel, Some(13), "slow"),
    ("2026-11-21 08:42:53.4290|WARN|Pay.Worker|slow", Form::TimePipes, Some(13), "slow"),
    ("2026-11-21 08:42:53.4290 | Error | Pay.Worker | slow", Form::TimePipes, Some(17), "slow"),
    ("[2026-11-21, 08:42:53 UTC] {taskinstance.py:1112} WARNING - slow", Form::Airflow, Some(13), "slow"),
    ("[2026-11-21T08:42:53.429+0000] {taskinstance.py:1112} ERROR - Task failed", Form::Airflow, Some(17), "Task faile"),
    ("2026/11/21 08:42:53 [crit] 8#8: *1 SSL_do_handshake() failed", Form::NginxError, Some(18), "SSL_do_han"),
    ("2026/11/21 08:42:53 [notice] 1#1: start worker process 30", Form::NginxError, Some(10), "start work"),
    ("[Sat Nov 21 08:42:53.429000 2026] [mpm_event:notice] [pid 8:tid 140] AH00489: started", Form::ApacheError, Some(10), "AH00489: s"),
    ("[Sat Nov 21 08:42:53 2026] [error] [client 10.0.1.5] File does not exist", Form::ApacheError, Some(17), "File does "),
    ("2026-11-21T08:42:53.429Z\tWARN\tpay/charge.go:12\tslow\t{\"a\":1}", Form::TimeTabs, Some(13), "slow\t{\"a\":"),
    ("2026-11-21T08:42:53.429Z\tinfo\tpay/charge.go:12\tslow\t{\"a\":1}", Form::TimeTabs, Some(9), "slow\t{\"a\":"),
    ("1.795250573429e+09\terror\tpay/charge.go:12\tslow", Form::TimeTabs, Some(17), "slow"),
    ("WARN\tslow\t{\"a\":1}", Form::LevelTabs, Some(13), "slow\t{\"a\":"),
    ("2026/11/21 08:42:53 main.go:23: refused", Form::GoLog, None, "refused"),
    ("2026/11/21 08:42:53.429000 refused", Form::GoLog, None, "refused"),
    (r#"2026/11/21 08:42:53 {"errorMessage":"x"}"#, Form::GoLog, None, "{\"errorMes"),
    ("2026/11/21 08:42:53 ERROR refused a=1", Form::TimeLevel, Some(17), "refused a="),
    ("2026/11/21 08:42:53 [ERROR] refused", Form::TimeBracketLevel, Some(17), "refused"),
    ("2026/11/21 08:42:53 WARN slow took=1.2s", Form::TimeLevel, Some(13), "slow took="),
    ("I1121 08:42:53.429000       1 leaderelection.go:250] became leader", Form::Klog, Some(9), "became lea"),
    ("F1121 08:42:53.429000   123 charge.cc:12] down", Form::Klog, Some(21), "down"),
    (r#"<165>1 2026-11-21T08:42:53.429Z host app - ID47 [ex@1 iut="3" e="a\"]b"][x@2 a="b"] BOM started"#, Form::Syslog5424, Some(10), "BOM starte"),
    (r#"<14>1 - - - - - - {"a":1}"#, Form::Syslog5424, Some(9), "{\"a\":1}"),
    ("<0>Nov 21 08:42:53 host kernel: panic", Form::Syslog3164, Some(21), "panic"),
    ("<34>Nov  1 08:42:53 host su: failed", Form::Syslog3164, Some(18), "failed"),
    ("Nov 21 08:42:53 ip-10-0-1-5 sshd[8]: Accepted", Form::Syslog3164, None, "Accepted"),
    ("[2026-11-21T08:42:53Z WARN  pay::charge] slow", Form::BracketTimeLevel, Some(13), "slow"),
    ("[2026-11-21T08:42:53.429Z INFO pay] charged", Form::BracketTimeLevel, Some(9), "charged"),
    ("[ERROR pay::charge] slow", Form::BracketLevel, Some(17), "slow"),
    ("2026-11-21T08:42:53.429123Z  WARN pay::charge: slow took=12", Form::TimeLevel, Some(13), "slow took="),
    (r#"2026-11-21T08:42:53.429Z ERROR Lambda runtime invoke{requestId="3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83" xrayTraceId="Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1"}: pay: refused"#, Form::Tracing, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z ERROR request{method=GET}:charge{id=7}: pay: refused", Form::Tracing, Some(17), "refused"),
    ("E, [2026-11-21T08:42:53.429000 #8] ERROR -- payments: refused", Form::Ruby, Some(17), "refused"),
    ("W, [2026-11-21T08:42:53.429000 #8]  WARN -- : slow", Form::Ruby, Some(13), "slow"),
    ("E, [2026-11-21T08:42:53.429000 #8] ERROR 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 -- : refused", Form::Ruby, Some(17), "refused"),
    ("E, [2026-11-21T08:42:53.429 #3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83] ERROR -- : refused", Form::Ruby, Some(17), "refused"),
    (r#"error: refused {"order":"o-7"}"#, Form::LowerLevel, Some(17), "refused {\""),
    ("2026-11-21T08:42:53.429Z warn: slow", Form::TimeLevelColon, Some(13), "slow"),
    ("2026-11-21T08:42:53.429Z [payments] error: refused", Form::TimeLevelColon, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z [payments] ERROR: refused", Form::TimeThreadLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53 [info]: charged", Form::TimeBracketLevel, Some(9), "charged"),
    ("2026-11-21 08:42:53 [payments][error] refused", Form::TimeBracketLevel, Some(17), "refused"),
    ("[08:42:53.429] ERROR (8): refused", Form::BracketTime, Some(17), "refused"),
    ("[2026-11-21 08:42:53.429 +0000] INFO (8 on host): charged", Form::BracketTime, Some(9), "(8 on host"),
    ("[2026-11-21T08:42:53.429Z] ERROR: payments/8 on host: refused", Form::BracketTime, Some(17), "payments/8"),
    ("08:42:53.429Z ERROR payments: refused", Form::TimeLevel, Some(17), "payments: "),
    ("[Nest] 8  - 11/21/2026, 8:42:53 AM     LOG [NestFactory] Starting", Form::Nest, Some(9), "Starting"),
    ("[Nest] 8  - 11/21/2026, 8:42:53 AM   ERROR [Pay] refused", Form::Nest, Some(17), "refused"),
    ("[Nest] 8  - 21/11/2026, 08:42:53   WARN [Pay] slow", Form::Nest, Some(13), "slow"),
    ("Nov 21, 2026 8:42:53 AM com.acme.Pay charge\nWARNING: slow", Form::JavaUtil, Some(13), "slow"),
    ("Nov 21, 2026 8:42:53 AM com.acme.Pay charge SEVERE: refused", Form::JavaUtil, Some(17), "refused"),
    ("Nov 21, 2026 8:42:53 AM com.acme.Pay charge", Form::Time, None, "com.acme.P"),
    ("SEVERE: refused", Form::LevelColon, Some(17), "refused"),
    ("2026-11-21 08:42:53 UTC:[local]:rdsadmin@postgres:[4711]:LOG:  checkpoint", Form::Postgres, Some(9), "checkpoint"),
    ("2026-11-21 08:42:53 UTC::@:[4711]:LOG:  checkpoint starting", Form::Postgres, Some(9), "checkpoint"),
    ("2026-11-21 08:42:53 UTC:10.0.1.5(49152):app@shop:[4711]:STATEMENT:  INSERT", Form::Postgres, None, "INSERT"),
    ("2026-11-21 08:42:53.429 UTC [4711] ERROR:  duplicate key", Form::Postgres, Some(17), "duplicate "),
    ("2026-11-21 08:42:53.429 UTC [4711] app@shop FATAL:  no", Form::Postgres, Some(21), "no"),
    ("2026-11-21 08:42:53.429 UTC [4711] DETAIL:  Key", Form::Postgres, None, "Key"),
    ("2026-11-21T08:42:53.429000Z 0 [Warning] [MY-010055] [Server] IP", Form::MySql, Some(13), "IP"),
    ("2026-11-21T08:42:53.429000Z 0 [System] [MY-010931] [Server] ready", Form::MySql, Some(9), "ready"),
    ("2026-11-21 08:42:53 140 [Note] InnoDB: x", Form::MySql, Some(9), "InnoDB: x"),
    ("1:M 21 Nov 2026 08:42:53.429 * Ready to accept connections", Form::Redis, Some(10), "Ready to a"),
    ("1:C 21 Nov 2026 08:42:53.429 # oO0", Form::Redis, Some(13), "oO0"),
    ("08:42:53.429 [error] GenServer terminating", Form::TimeBracketLevel, Some(17), "GenServer "),
    ("08:42:53.429 request_id=F1 [info] GET /", Form::TimeBracketLevel, Some(9), "GET /"),
    (r#"INFO:     10.0.1.5:49152 - "GET /pets/7 HTTP/1.1" 500 Internal Server Error"#, Form::LevelColon, Some(9), "10.0.1.5:4"),
    ("INFO:     Started server process [8]", Form::LevelColon, Some(9), "Started se"),
    ("[warn] slow", Form::BracketLevel, Some(13), "slow"),
    ("[ERROR] refused", Form::BracketLevel, Some(17), "refused"),
    ("[WARN ] slow", Form::BracketLevel, Some(13), "slow"),
    ("[main] INFO com.acme.Pay - charged", Form::ThreadLevel, Some(9), "charged"),
    ("ERROR refused", Form::Level, Some(17), "refused"),
    ("WARN: slow", Form::LevelColon, Some(13), "slow"),
    ("ERROR - refused", Form::Level, Some(17), "refused"),
    ("ERROR | refused", Form::Level, Some(17), "refused"),
    ("ERROR [main] com.acme.Pay: refused", Form::Level, Some(17), "refused"),
    (r#"8:42AM ERR refused error="x""#, Form::TimeLevel, Some(17), "refused er"),
    ("2026-11-21T08:42:53Z INF charged a=1 b=2", Form::TimeLevel, Some(9), "charged a="),
    ("DEBUG 2026-11-21 08:42:53,429 payments slow", Form::LevelTime, Some(5), "payments s"),
    ("21-Nov-2026 08:42:53.429 SEVERE [main] org.apache.catalina.core.StandardContext refused", Form::TimeLevel, Some(17), "org.apache"),
    ("2026-11-21 08:42:53,429 INFO [app.py:12] [trace_id=6b01598d2cb6916d86dc283cf0480ff9 span_id=86ea0214b5c34e7e resource.service.name=payments trace_sampled=True] - charged", Form::TimeLevel, Some(9), "charged"),
    ("2026-11-21T08:42:53.429Z ERROR [payments,traceId=6b01598d2cb6916d86dc283cf0480ff9,spanId=86ea0214b5c34e7e] refused", Form::TimeLevel, Some(17), "refused"),
    ("E/Pay( 1234): refused", Form::Android, Some(17), "refused"),
    ("11-21 08:42:53.429  1234  5678 W Pay     : slow", Form::Android, Some(13), "slow"),
    ("ERROR: duplicate key", Form::LevelColon, Some(17), "duplicate "),
    ("INFO[0001] charged                                       order=o-7", Form::Logrus, Some(9), "charged   "),
    ("WARN[2026-11-21T08:42:53Z] slow                order=o-7", Form::Logrus, Some(13), "slow      "),
    ("2026-11-21T08:42:53.429+0000 E  NETWORK  [conn1] refused", Form::Mongo, Some(17), "refused"),
    ("2026-11-21 08:42:53.429 [main] [ERROR] refused", Form::TimeBracketLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53:429 ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("20261121 08:42:53.429 ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z - error: refused", Form::TimeLevelColon, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z - info - refused", Form::TimeNameLevel, Some(9), "refused"),
    ("2026-11-21T08:42:53.429Z <error> refused", Form::TimeBracketLevel, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z|ERROR|refused", Form::TimePipes, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z ERROR: refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21T08:42:53.429Z level=error msg=refused", Form::Time, None, "level=erro"),
    (r#"2026-11-21T08:42:53.429Z 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 ERROR charge refused {"a":1}"#, Form::LambdaLog4j, Some(17), "charge ref"),
    ("2026-11-21  8:42:53 42 [ERROR] InnoDB: x", Form::MySql, Some(17), "InnoDB: x"),
    ("PHP Fatal error:  Uncaught RuntimeException: card", Form::Php, Some(17), "Uncaught R"),
    ("[21-Nov-2026 08:42:53 UTC] PHP Notice:  Undefined", Form::Php, Some(10), "Undefined"),
    ("[21-Nov-2026 08:42:53] WARNING: [pool www] child 8 said", Form::BracketTime, Some(13), "child 8 sa"),
    ("NOTICE: PHP message: PHP Fatal error:  x", Form::Php, Some(17), "x"),
    ("NOTICE: PHP message: [2026-11-21 08:42:53] production.ERROR: x", Form::Monolog, Some(17), "x"),
    ("1795250573429 ERROR x", Form::TimeLevel, Some(17), "x"),
    ("2026-11-21 09:42:53 CET ERROR x", Form::TimeLevel, Some(17), "x"),
    ("2026-11-21 08:42:53,429 DEBG 'web' stderr output:\nx", Form::TimeLevel, Some(5), "'web' stde"),
    ("<Nov 21, 2026 8:42:53 AM UTC> <Warning> <Socket> <BEA-1> <x <y> z>", Form::WebLogic, Some(13), "x <y> z>"),
    ("[21-Nov-2026 08:42:53 Europe/Berlin] PHP Warning:  x", Form::Php, Some(13), "x"),
    ("[21-Nov-2026 08:42:53 America/Argentina/Ushuaia] x", Form::BracketTime, None, "x"),
    ("[ERROR:flutter/runtime/dart_vm_initializer.cc(41)] x", Form::BracketLevel, Some(17), "x"),
    ("NOTICE: PHP message: ERROR x", Form::LevelColon, Some(10), "PHP messag"),
    ("[21-Nov-2026 08:42:53] NOTICE: PHP message: PHP Warning:  x", Form::Php, Some(13), "x"),
    ("E20261121 08:42:53.429000 1 f.cc:12] refused", Form::Klog, Some(17), "refused"),
    ("INFO  [main] 2026-11-21 08:42:53,429 Server.java:12 - started", Form::LevelTime, Some(9), "Server.jav"),
    ("[2026-11-21 08:42:53.429][8][warning][config] [source/x.cc:12] slow", Form::BracketTime, Some(13), "slow"),
    ("2026-11-21 08:42:53.429000+00:00 [error] <0.12.0> refused", Form::TimeBracketLevel, Some(17), "<0.12.0> r"),
    ("2026-11-21 08:42:53 [error    ] charge refused                 order=o-7", Form::TimeBracketLevel, Some(17), "charge ref"),
    ("2026-11-21 08:42:53 [warning  ] slow [payments] order=o-7", Form::TimeBracketLevel, Some(13), "slow [paym"),
    ("[0.012s][info][gc] Pause", Form::ThreadLevel, Some(9), "Pause"),
    ("2026/11/21 08:42:53 ERRO refused order=o-7", Form::TimeLevel, Some(17), "refused or"),
    ("2026-11-21T08:42:53.429Z [ERROR] pay: refused: order=o-7", Form::TimeBracketLevel, Some(17), "pay: refus"),
    ("2026-11-21T08:42:53.429Z\twarn\tenvoy config\tslow", Form::TimeTabs, Some(13), "envoy conf"),
    ("<3>down", Form::Syslog3164, Some(17), "down"),
    ("<11>payments[8]: refused", Form::Syslog3164, Some(17), "refused"),
    ("<11>payments: refused", Form::Syslog3164, Some(17), "refused"),
    ("<11>2026-11-21T08:42:53.429Z host payments[8]: refused", Form::Syslog3164, Some(17), "refused"),
    (r#"<30>Nov 21 08:42:53 dockerd[8]: time="x" level=error"#, Form::Syslog3164, Some(9), "dockerd[8]"),
    (r#"[2026-11-21T08:42:53.429Z] "GET /pets/7 HTTP/1.1" 503 UF 0 91 10"#, Form::BracketTime, None, "\"GET /pets"),
    ("2026-11-21 08:42:53.429  WARN 8 --- [ask-1] [                                                 ] c.a.Pay : slow", Form::SpringBoot, Some(13), "slow"),
    (r#"2026-11-21 08:42:53.429 | DEBUG    | app.pay:charge:12 | {"a": 1}"#, Form::TimePipes, Some(5), "{\"a\": 1}"),
    ("2026-11-21 08:42:53.429 INFO com.acme.Pay [main] charged", Form::TimeLevel, Some(9), "com.acme.P"),
    ("2026-11-21 08:42:53.429 - com.acme.Pay - [main] - ERROR - refused", Form::TimeNameLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53 -0500 ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("Sat Nov 21 08:42:53 2026 ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("Sat, 21 Nov 2026 08:42:53 GMT payments deprecated x", Form::Time, None, "payments d"),
    ("21/Nov/2026:08:42:53 +0000 [ERROR] refused", Form::TimeBracketLevel, Some(17), "refused"),
    ("11/21/2026 8:42:53 AM ERROR refused", Form::TimeLevel, Some(17), "refused"),
    ("11/21/2026 08:42:53 AM - ERROR - refused", Form::TimeNameLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53 ERROR    payments.api: refused", Form::TimeLevel, Some(17), "refused"),
    ("2026-11-21 08:42:53 ERROR (payments) refused", Form::TimeLevel, Some(17), "(payments)"),
    ("2026-11-21 08:42:53 [8] ERROR (payments/MainThread) refused", Form::TimeThreadLevel, Some(17), "(payments/"),
    ("2026-11-21 08:42:53 +00:00 ERROR refused", Form::TimeLevel, Some(17), "refused"),
    (r#"ERROR:  relation "x" does not exist"#, Form::LevelColon, Some(17), "relation \""),
    (r#"ERROR 2026-11-21T08:42:53.429Z {"a":1}"#, Form::LevelTime, Some(17), "{\"a\":1}"),
    ("ERROR -- : boom", Form::Level, Some(17), "boom"),
    ("ERROR :: boom", Form::Level, Some(17), "boom"),
    ("[INFO/MainProcess] x", Form::BracketLevel, Some(9), "x"),
    ("[ERROR] - refused", Form::BracketLevel, Some(17), "- refused"),
    ("[ERROR]: refused", Form::BracketLevel, Some(17), "refused"),
    ("[ERROR]refused", Form::BracketLevel, Some(17), "refused"),
    ("[error] refused", Form::BracketLevel, Some(17), "refused"),
    ("[Error] refused", Form::BracketLevel, Some(17), "refused"),
    ("[E 2026-11-21 08:42:53.429 ServerApp] refused", Form::Tornado, Some(17), "refused"),
    ("[I 08:42:53.429 NotebookApp] x", Form::Tornado, Some(9), "x"),
    ("08:42:53.429 module=Pay request_id=F line=3 [error] charge refused", Form::TimeBracketLevel, Some(17), "charge"),
    ("08:42:53,429 |-INFO in ch.qos.logback.classic.LoggerContext[default] - x", Form::TimePipes, Some(9), "in ch"),
    ("[MyApp] 8  - 11/21/2026, 8:42:53\u{202f}AM   ERROR [Pay] charge refused", Form::Nest, Some(17), "charge"),
    ("[Nest] 8   - 11/21/2026, 8:42:53 PM   VERBOSE [Pay] charged +2ms", Form::Nest, Some(1), "charged"),
    ("2026-11-21 08:42:53 com.acme.Pay charge\nSEVERE: charge refused", Form::JavaUtil, Some(17), "charge"),
    ("Nov 21, 2026 8:42:53\u{202f}AM Pay charge\r\nSEVERE: charge refused", Form::JavaUtil, Some(17), "charge"),
    ("26/11/21 08:42:53 ERROR TaskSetManager: Lost task", Form::TimeLevel, Some(17), "TaskSetManager: Lost"),
    ("261121  8:42:53 [ERROR] charge refused", Form::TimeBracketLevel, Some(17), "charge"),
    ("[I 261121 08:42:53 web:2271] 200 GET /", Form::Tornado, Some(9), "200"),
    ("8:S 21 Nov 2026 08:42:53.429 - charged", Form::Redis, Some(5), "charged"),
    ("2026-11-21T08:42:53.429+0000\tERROR\tpay/x.go:12\tcharge refused", Form::TimeTabs, Some(17), "charge"),
    ("[2026-11-21T08:42:53.429] [ERROR] default - charge refused", Form::BracketTime, Some(17), "charge"),
    ("2026/11/21 08:42:53 http: panic serving 10.0.1.5:1: x", Form::GoLog, None, "http: panic"),
    // Letters where only a level stands.
    ("2026/11/21 08:42:53 routers/web/x.go:9:handler() [E] boom", Form::TimeBracketLevel, Some(17), "boom"),
    ("2026-11-21 08:42:53.429 | E | pay | boom", Form::TimePipes, Some(17), "boom"),
    ("2026-11-21T08:42:53.429Z\tE\tpay.go:1\tboom", Form::TimeTabs, Some(17), "boom"),
    ("2026-11-21T08:42:53Z E! [outputs.cloudwatch] boom", Form::TimeLetter, Some(17), "[outputs"),
    ("2026/11/21 08:42:53 I! boom", Form::TimeLetter, Some(9), "boom"),
    ("2026-11-21T08:42:53Z D! [agent] boom", Form::TimeLetter, Some(5), "[agent]"),
    ("2026-11-21 08:42:53.429000: W tensorflow/core/x.cc:9] boom", Form::TimeOrigin, Some(13), "boom"),
    ("2026-11-21 08:42:53.429000: I external/local_xla/x.cc:9] boom", Form::TimeOrigin, Some(9), "boom"),
    ("2026-11-21 08:42:53.429000 W [8:puma 001 a.rb:9] (1.2ms) Pay -- boom", Form::SemanticLogger, Some(13), "boom"),
    ("2026-11-21 08:42:53.429000 E [8:main] [web] {user: 7} (1.2ms) Pay -- boom", Form::SemanticLogger, Some(17), "boom"),
    // Colons without blanks.
    ("2026-11-21 08:42:53.429:WARN:oejs.HttpChannel:qtp1-12: /pets", Form::TimeColons, Some(13), "/pets"),
    ("2026-11-21 08:42:53,429:ERROR:pay.api:boom", Form::TimeColons, Some(17), "boom"),
    ("2026-11-21 08:42:53,429:pay.api:ERROR:boom", Form::TimeColons, Some(17), "boom"),
    ("2026-11-21 08:42:53,429:ERROR:boom happened: yes", Form::TimeColons, Some(17), "boom"),
    // Names before the level.
    ("__main__ - INFO - x", Form::NameLevel, Some(9), "x"),
    ("pay.api - WARNING - x", Form::NameLevel, Some(13), "x"),
    ("app.pay | ERROR    | x", Form::NameLevel, Some(17), "x"),
    ("DD_EXTENSION | ERROR | x", Form::NameLevel, Some(17), "x"),
    ("payments: [ERROR] x", Form::OwnNameLevel, Some(17), "x"),
    ("2026-11-21T08:42:53.429Z payments[8]: ERROR boom", Form::TimeLevel, Some(17), "boom"),
    ("2026-11-21T08:42:53.429+00:00 ip-10-0-1-5 postfix/smtpd[8]: warning: boom", Form::TimeLevelColon, Some(13), "boom"),
    ("2026-11-21T08:42:53.429Z ip ERROR [app.pay:12] - boom", Form::Timbre, Some(17), "boom"),
    ("[8] 2026/11/21 08:42:53.429000 [ERR] boom", Form::NamedTime, Some(17), "boom"),
    ("[appconfig agent] 2026/11/21 08:42:53 ERROR failed", Form::NamedTime, Some(17), "failed"),
    ("[08:42:53] [Server thread/WARN]: boom", Form::BracketTime, Some(13), "boom"),
    ("[21Nov2026 08:42:53.429] [main/ERROR] [net.x/]: boom", Form::ThreadLevel, Some(17), "boom"),
    ("[Nov 21 08:42:53] WARNING[8][C-00001]: x.c:12 f: boom", Form::BracketTime, Some(13), "x.c"),
    // Syslog's date without a host, or a level behind the program.
    ("Nov 21 08:42:53 ERROR boom", Form::TimeLevel, Some(17), "boom"),
    ("Nov 21 08:42:53 [ERROR] boom", Form::TimeLevel, Some(17), "boom"),
    ("Nov 21 08:42:53 host postfix/smtpd[8]: warning: boom", Form::Syslog3164, Some(13), "boom"),
    ("Nov 21 08:42:53 host payments[8]: ERROR boom", Form::Syslog3164, Some(17), "boom"),
    ("<11>Nov 21 08:42:53 host payments[8]: INFO boom", Form::Syslog3164, Some(17), "INFO"),
    // Others.
    ("2026.11.21 08:42:53.429000 [ 1 ] {2f1a9b1c-5a52-4a6b-8b0e-6a1a1a1a1a1a} <Warning> void DB::X: boom", Form::ClickHouse, Some(13), "void"),
    ("2026-11-21T08:42:53-0500 critical com.acme.pay : a=b [Pay] x", Form::SwiftLog, Some(21), "a=b"),
    ("ERROR[11-21|08:42:53.429] boom err=x", Form::Logrus, Some(17), "boom"),
    ("WARN [11-21|08:42:53.429] boom err=x", Form::Level, Some(13), "boom"),
    ("2026/11/21 08:42:53 ERROR> a.pl:12 main:: - boom", Form::TimeLevel, Some(17), "a.pl"),
    ("2026/11/21 08:42:53 kid1| WARNING: boom", Form::TimePipes, Some(13), "boom"),
    ("error(pay): boom", Form::LowerLevel, Some(17), "boom"),
    ("=CRASH REPORT==== 21-Nov-2026::08:42:53.429000 ===\n  crasher:", Form::Erlang, Some(17), "crasher"),
    ("=PROGRESS REPORT==== 21-Nov-2026::08:42:53 ===\n  x:", Form::Erlang, Some(9), "x:"),
    ("21-Nov-2026 08:42:53.429 SEVERE [main] org.apache.catalina.X.y boom", Form::TimeLevel, Some(17), "org.apache"),
    ("[2026-11-21T08:42:53,429][WARN ][o.e.b.Elasticsearch] [node] boom", Form::BracketTime, Some(13), "boom"),
    ("[2026-11-21 08:42:53.429][8][error][config] [source/x.cc:9] boom", Form::BracketTime, Some(17), "boom"),
];

#[test]
fn every_layout_has_its_level_and_its_message() {
    for (line, form, severity, message) in LINES {
        let head = head(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!((head.form, head.severity_number), (*form, *severity), "{line}");
        assert!(line[head.message_at..].starts_with(message), "{line}: {head:?}");
        assert!(head.level.is_none_or(|level| line.contains(level)), "{line}: {head:?}");
        assert!(head.level.is_none() || head.severity_number.is_some() || head.form == Form::Ruby, "{line}: {head:?}");
    }
}

#[test]
fn prose_has_no_level() {
    for line in [
        "Error while charging",
        "Info desk opened",
        "NOTE to self",
        "FINE, thanks",
        "FINE thanks",
        "HTTP 200",
        "HTTP: what",
        "HTTP/1.1 500 Internal Server Error",
        "INFORMATION about the order",
        "ERRORS: 3",
        "ERROR's cause",
        "ERROR_CODE=3",
        "Error: card is expired",
        "Warning: low stock",
        "warning signs are here",
        "info desk",
        "note: run with RUST_BACKTRACE=1",
        "http: TLS handshake error",
        "panic: runtime error",
        "panic(main): x",
        "the ERROR was found",
        "charge refused ERROR",
        "2026-11-21 payments ERROR",
        "08:42:53 the train leaves",
        "8:42 AM is early",
        "12 ERROR lines",
        "12:30 ERROR lines",
        "[1, 2, 3]",
        r#"["ERROR", 1]"#,
        "[]",
        "[ ]",
        "[http] GET /x",
        "[config] loaded",
        "[payments] charge refused",
        "[ERROR",
        "<error>x</error>",
        "<b>ERROR</b>",
        "<11",
        "<999>x",
        "<11>",
        "May 5 apples",
        "March on",
        "Monday is ERROR day",
        "Sat",
        "Nov 21",
        "E/",
        "E,",
        "E, [",
        "E, []",
        "E1121",
        "E1121 08:42:53.4 x",
        "E1121 08:42:53.429000 1 file.go:12",
        "PANIC at the disco",
        "ALERT the team",
        "SUCCESS story",
        "LOG rotated",
        "I am here",
        "I/O error",
        "A/B test",
        "info",
        "info:x",
        "error:x",
        "1:1 conversation",
        "1:M 21 Nov 2026 08:42:53.429",
        "10.0.1.5 ERROR",
        "2 210987654321 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.7 49152 443 6 10 840 1795250573 1795250633 ACCEPT OK",
        "# Time: 2026-11-21T08:42:53.429000Z",
        "START RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Version: 42",
        "REPORT RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tDuration: 1.2 ms",
        "GET /health 200 user-agent: Mozilla/5.0\t{\"service\":\"payments\"}",
        "Nov 21, 2026 was a day",
        "2026-11-21T08:42:53Zebra",
        " ",
        " \t ",
        "DEBUG:x",
        "DEBUG::x",
        "NOTE: this is important",
        "search - x ERROR - y",
        "search - ERROR",
        "search -ERROR- x",
        "search - ERROR | x",
        "search: ERROR x",
        "search: error: x",
        "search: Error: card is expired",
        "search: [x] ERROR: y",
        "=ERROR",
        "=ERROR REPORT==== x ===",
        "= ERROR =",
        "_ERROR: x",
        "error(a b): x",
        "error(x) y",
        "ERROR[a] x",
        "ERROR[1 x",
        "[search] 2026/11/21 08:42:53 {\"level\":\"error\"}",
        "[GET /ERROR] x",
        "Error: 2026-11-21 x",
        "{ERROR} x",
        "(ERROR) x",
        "*** ERROR ***",
        "- ERROR: x",
        ">>> ERROR x",
        "ERROR! boom",
        "ERROR, boom",
        "ERROR:: boom",
        "INFO/payments: x",
        "[Error: card is expired]",
        "[ERR_MODULE_NOT_FOUND] x",
        "[E] refused",
        "12:30 ERROR lines",
        "<100> items",
        "<11>text",
        "<3",
        "é",
        "éERROR x",
        "ERRORé x",
        "[é",
        "[é] x",
        "<é>x",
        "2026-11-21é",
        "2026-11-21T08:42:53é",
        "E1121é",
        "E, é",
        "8:é",
        "Novembér 21",
    ] {
        assert_eq!(head(line), None, "{line:?}");
    }
}

#[test]
fn prose_behind_a_time_has_no_level() {
    for line in [
        "2026-11-21T08:42:53Z charge returned ERROR code 7",
        "2026-11-21T08:42:53Z retrying after ERROR from upstream",
        "2026-11-21T08:42:53Z got ERROR from upstream",
        "2026-11-21T08:42:53Z Error while charging",
        "2026-11-21T08:42:53Z Error: card is expired",
        "2026-11-21T08:42:53Z HTTP 200",
        "2026-11-21T08:42:53Z info desk opened",
        "2026-11-21T08:42:53Z CONFIG loaded",
        "2026-11-21T08:42:53Z",
        "2026-11-21T08:42:53Z ",
        r#"2026-11-21T08:42:53Z {"a":1}"#,
        "2026-11-21T08:42:53Z request done\nERROR: from the program",
        "2026-11-21T08:42:53Z done\nINFO: from the program",
        // Behind a word of a message stands what a program was sent.
        "2026-11-21T08:42:53Z request - ERROR - x",
        "2026-11-21T08:42:53Z search: - ERROR - x",
        "2026-11-21T08:42:53Z request | ERROR | x",
        "2026-11-21T08:42:53Z request payments[8]: ERROR x",
        "2026-11-21T08:42:53Z request ERROR [a:1] x",
        "2026-11-21T08:42:53Z I am here",
        "2026-11-21T08:42:53Z E is a letter",
        "2026-11-21T08:42:53Z E [8] x",
        "2026-11-21T08:42:53Z error of mine : x",
        "2026-11-21T08:42:53Z got [Error: x] of it",
    ] {
        let head = head(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!((head.form, head.level, head.severity_number), (Form::Time, None, None), "{line}");
        assert!(head.time_unix_nano.is_some(), "{line}");
        assert_eq!(head.invocation_id, None, "{line}");
    }
}

const TRACE: &str = "6b01598d2cb6916d86dc283cf0480ff9";
const SPAN: &str = "86ea0214b5c34e7e";
const REQUEST: &str = "3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83";

#[test]
fn a_head_states_ids_and_service() {
    let check = |line: &str, request: Option<&str>, trace: Option<&str>, span: Option<&str>, service: Option<&str>| {
        let head = head(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!((head.invocation_id, head.service), (request, service), "{line}");
        assert_eq!(head.trace.and_then(ids::trace_id).as_deref(), trace, "{line}");
        assert_eq!(head.span.and_then(ids::span_id).as_deref(), span, "{line}");
    };
    for line in [
        format!("2026-11-21T08:42:53.429Z\t{REQUEST}\tERROR\tcharge refused"),
        format!("[ERROR]\t2026-11-21T08:42:53.429Z\t{REQUEST}\tcharge refused"),
        format!("[ERROR] 2026-11-21T08:42:53.429Z {REQUEST} charge refused"),
        format!("2026-11-21 08:42:53 {REQUEST} ERROR Handler - charge refused"),
        format!("2026-11-21 08:42:53 [{REQUEST}] ERROR Handler - charge refused"),
        format!("2026-11-21T08:42:53Z ERROR Lambda runtime invoke{{requestId={REQUEST}}}: pay: charge refused"),
        format!("E, [2026-11-21T08:42:53.429000 #8] ERROR {REQUEST} -- : charge refused"),
    ] {
        check(&line, Some(REQUEST), None, None, None);
    }
    let service = Some("payments");
    for line in [
        format!("2026-11-21 08:42:53.429  INFO [payments,{TRACE},{SPAN},true] 1 --- [main] c.a.Pay : x"),
        format!("2026-11-21 08:42:53.429  INFO 1 --- [payments] [main] [{TRACE}-{SPAN}] c.a.Pay : x"),
        format!("2026-11-21 08:42:53.429  INFO 1 --- [payments,{TRACE},{SPAN}] [main] c.a.Pay : x"),
        format!(
            "2026-11-21 08:42:53,429 INFO [a] [a.py:1] [trace_id={TRACE} span_id={SPAN} resource.service.name=payments] - x"
        ),
    ] {
        check(&line, None, Some(TRACE), Some(SPAN), service);
    }
    let short = "0000000000000000e457b5a2e4d86bd1";
    let line = format!("2026-11-21 08:42:53.429  INFO [payments,e457b5a2e4d86bd1,{SPAN}] 1 --- [main] c.a.Pay : x");
    check(&line, None, Some(short), Some(SPAN), service);
    check("2026-11-21 08:42:53.429  INFO [payments,,] 1 --- [main] c.a.Pay : x", None, None, None, service);
    check("2026-11-21 08:42:53.429  INFO [,,] 1 --- [main] c.a.Pay : x", None, None, None, None);
    check("2026-11-21 08:42:53.429  INFO 1 --- [main] c.a.Pay : x", None, None, None, None);
    // A message that tells of ids and services is a message.
    for line in [
        format!("2026-11-21 08:42:53 ERROR charge of service=payments trace_id={TRACE} request {REQUEST} refused"),
        format!("ERROR {{\"service\":\"payments\",\"trace_id\":\"{TRACE}\"}}"),
        format!("2026-11-21T08:42:53Z {REQUEST} deleted"),
        format!("2026-11-21T08:42:53Z ERROR {REQUEST} deleted"),
        format!("2026-11-21T08:42:53Z ERROR [{REQUEST}] deleted"),
        format!("ERROR [service.name=payments] [requestId={REQUEST}] refused"),
        format!("2026-11-21T08:42:53Z ERROR GET /x agent [a,{TRACE},{SPAN}]"),
    ] {
        check(&line, None, None, None, None);
    }
}

#[test]
fn only_the_prefixes_of_lambda_are_whole() {
    for (line, is_whole) in [
        (format!("2026-11-21T08:42:53.429Z\t{REQUEST}\tfail\tcharge refused"), true),
        (format!("[ERROR]\t2026-11-21T08:42:53.429Z\t{REQUEST}\tcharge refused"), true),
        ("2026-11-21T08:42:53.429Z\tundefined\tERROR\tcharge refused".to_owned(), false),
        ("[INFO]\t2026-11-21T08:42:53.429Z\t\tcharged".to_owned(), false),
        ("2026-11-21 08:42:53 ERROR charge refused".to_owned(), false),
    ] {
        let head = head(&line).unwrap();
        assert_eq!(head.is_whole, is_whole, "{line}");
        assert!(line[head.message_at..].starts_with("charge"), "{line}");
    }
}

/// Every line above, cut at every character, and with a letter of several bytes at every place: no slice may fall
/// within a character, and what is cut off is never told of.
#[test]
fn no_line_panics_however_it_is_cut() {
    let look = |line: &str| {
        if let Some(head) = head(line) {
            assert!(line.is_char_boundary(head.message_at), "{line:?}: {head:?}");
        }
        crate::access::parse(line);
        crate::logfmt::pairs(line);
        crate::colours::strip_colours(line);
    };
    for line in LINES.iter().map(|(line, ..)| *line).chain(FORMS.iter().map(|row| row.example)) {
        for (at, _) in line.char_indices() {
            look(&line[..at]);
            look(&line[at..]);
            for letter in ["é", "\u{202f}", "[", "]", "\"", "\n"] {
                look(&format!("{}{letter}{}", &line[..at], &line[at..]));
                look(&format!("{}{letter}", &line[..at]));
            }
        }
    }
}

/// However long a line is, its head is read from its first kilobyte.
#[test]
fn long_lines_cost_no_more_than_short_ones() {
    let long = |piece: &str| piece.repeat((1 << 20) / piece.len());
    for piece in
        ["[", "[a] ", "a - ", "| ", "x", "é", " ", "1 ", "]:", ":[1", "---", "{", "a=b ", "<1>", "0", "a.b ", "\u{1b}]"]
    {
        for start in [
            "",
            "2026-11-21 08:42:53 ",
            "2026-11-21 08:42:53 UTC:",
            "[",
            "[2026-11-21 08:42:53] ",
            "ERROR ",
            "ERROR:",
            "<11>1 ",
            "E, [",
            "08:42:53 ",
        ] {
            let line = format!("{start}{}", long(piece));
            let begin = std::time::Instant::now();
            head(&line);
            crate::access::parse(&line);
            crate::logfmt::pairs(&line);
            crate::colours::strip_colours(&line);
            // A megabyte takes some milliseconds without optimisation; what is quadratic takes minutes.
            assert!(begin.elapsed().as_secs() < 5, "{start}{piece}");
        }
    }
}
