//! Payloads of many forms of lines in equal shares: what a region of mixed services writes, where the sample's shop has few
//! forms and much JSON. The lines are made up; their layouts are the loggers', the runtimes' and the services' own.
//!
//! It refuses to be typical: each form counts as much as any other.

use std::io::Write;

/// The lines of a log group. Of each the order's number and the request id are other ones every time.
struct Group {
    name: &'static str,
    stream: &'static str,
    lines: &'static [&'static str],
}

const GROUPS: &[Group] = &[
    // Runtimes and loggers of functions, text.
    Group {
        name: "/aws/lambda/payments",
        stream: "2026/11/21/[42]a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
        lines: &[
            "START RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 Version: 42\n",
            "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tINFO\tcharged o-7000001 in 41 ms\n",
            "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tfail\tcharge of o-7000001 refused\n",
            "[INFO]\t2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tcharged o-7000001\n",
            "2026-11-21 08:42:53.429 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 INFO  Handler:31 - charged o-7000001\n",
            "2026-11-21 08:42:53.429 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 ERROR Handler:31 - charge refused\njava.lang.IllegalStateException: card is expired\n\tat com.acme.Pay.charge(Pay.java:31)\n\tat com.acme.Pay.handleRequest(Pay.java:12)\nCaused by: java.io.IOException: reset\n\tat com.acme.Net.send(Net.java:7)\n\t... 2 more\n",
            "[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in handler\n    return stock['sku']\nKeyError: 'sku'\n",
            "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tERROR\tInvoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"card of o-7000001 is expired\",\"stack\":[\"Error: card is expired\",\"    at charge (/var/task/index.js:3:9)\",\"    at Runtime.handler (/var/task/index.js:9:3)\"]}\n",
            "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tfail\tSystem.InvalidOperationException: card is expired\n   at Pay.Function.Charge(Order order) in /src/Function.cs:line 31\n   at Pay.Function.Handle()\n",
            "thread 'main' panicked at src/main.rs:12:5:\ncalled `Option::unwrap()` on a `None` value\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
            "2026/11/21 08:42:53 {\"errorMessage\":\"charge of o-7000001 refused\",\"errorType\":\"errorString\"}\n",
            "REPORT RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tDuration: 935.70 ms\tBilled Duration: 936 ms\tMemory Size: 1024 MB\tMax Memory Used: 129 MB\tInit Duration: 312.11 ms\t\nXRAY TraceId: 1-6b01598d-2cb6916d86dc283cf0480ff9\tSegmentId: 86ea0214b5c34e7e\tSampled: true\t\n",
            "END RequestId: 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\n",
        ],
    },
    // Loggers of functions, JSON.
    Group {
        name: "/aws/lambda/orders",
        stream: "2026/11/21/[7]b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2",
        lines: &[
            r#"{"timestamp":"2026-11-21T08:42:53.429Z","level":"INFO","requestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","message":"charged o-7000001"}"#,
            r#"{"timestamp":"2026-11-21T08:42:53.429Z","level":"ERROR","requestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","message":{"msg":"charge refused","order":"o-7000001","error":{"errorType":"CardExpired","errorMessage":"card is expired","stackTrace":["CardExpired: card is expired","    at charge (/var/task/index.js:3:9)"]}}}"#,
            r#"{"level":"INFO","location":"charge:9","message":"charged","timestamp":"2026-11-21 08:42:53,429+0000","service":"payments","cold_start":false,"function_name":"payments","function_memory_size":"1024","function_arn":"arn:aws:lambda:us-east-2:210987654321:function:payments","function_request_id":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","correlation_id":"c-1","xray_trace_id":"1-6b01598d-2cb6916d86dc283cf0480ff9","order_id":"o-7000001"}"#,
            r#"{"level":"ERROR","location":"charge:9","message":"charge failed\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 9, in charge\n    raise ValueError('card is expired')\nValueError: card is expired","timestamp":"2026-11-21 08:42:53,429+0000","service":"payments","order_id":"o-7000001"}"#,
            r#"{"level":30,"time":1795250573429,"pid":8,"hostname":"169.254.10.1","reqId":"req-7","req":{"method":"POST","url":"/pay","remoteAddress":"10.0.1.5"},"res":{"statusCode":201},"responseTime":12.5,"msg":"request completed","order":"o-7000001"}"#,
            r#"{"level":"info","message":"charged","dd":{"trace_id":"6b01598d2cb6916d86dc283cf0480ff9","span_id":"1234567890123456789","service":"payments","version":"1.4.2","env":"prod"},"timestamp":"2026-11-21T08:42:53.429Z","order":"o-7000001"}"#,
            r#"{"message":"charge refused","context":{"exception":{"class":"RuntimeException","message":"card is expired","code":0,"file":"/var/task/index.php:12","trace":["/var/task/index.php:20"]},"order":"o-7000001"},"level":400,"level_name":"ERROR","channel":"app","datetime":"2026-11-21T08:42:53.429000+00:00","extra":{"request_id":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83"}}"#,
            r#"{"time":"2026-11-21T08:42:53.429Z","level":"INFO","msg":"charged","order":"o-7000001","took":41203311,"source":{"function":"main.charge","file":"/src/main.go","line":31}}"#,
            r#"{"timestamp":"2026-11-21T08:42:53.429Z","sequence":92,"loggerName":"com.acme.Pay","level":"ERROR","message":"charge refused","threadName":"main","threadId":1,"mdc":{"AWSRequestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","correlationId":"c-1"},"ndc":"","hostName":"169.254.10.1","processId":8,"exception":{"refId":1,"exceptionType":"java.lang.IllegalStateException","message":"card is expired","frames":[{"class":"com.acme.Pay","method":"charge","line":31},{"class":"com.acme.Pay","method":"handleRequest","line":12}]}}"#,
            r#"{"time":"2026-11-21T08:42:53.429Z","type":"platform.report","record":{"requestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","metrics":{"durationMs":935.7,"billedDurationMs":936,"memorySizeMB":1024,"maxMemoryUsedMB":129},"tracing":{"spanId":"86ea0214b5c34e7e","type":"X-Amzn-Trace-Id","value":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9;Parent=53995c3f42cd8ad8;Sampled=1"},"status":"success"}}"#,
            // Metrics in the embedded format.
            r#"{"_aws":{"Timestamp":1795250573429,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["service"]],"Metrics":[{"Name":"ChargeLatency","Unit":"Milliseconds"},{"Name":"Charges","Unit":"Count"}]}]},"service":"payments","function_request_id":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","ChargeLatency":41.2,"Charges":1,"order":"o-7000001"}"#,
            // What a function was called with, written down.
            r#"{"level":"debug","msg":"event","event":{"version":"2.0","routeKey":"POST /pay","rawPath":"/pay","rawQueryString":"a=1&b=2","headers":{"accept":"*/*","authorization":"Basic Ym9iOmh1bnRlcjI=","content-type":"application/json","host":"shop.example","user-agent":"curl/8.1","x-amzn-trace-id":"Root=1-6b01598d-2cb6916d86dc283cf0480ff9","x-correlation-id":"c-1","x-forwarded-for":"203.0.113.9"},"requestContext":{"accountId":"210987654321","apiId":"a1b2c3","http":{"method":"POST","path":"/pay","protocol":"HTTP/1.1","sourceIp":"203.0.113.9"},"requestId":"JKJaXmPLvHcESHA=","stage":"prod","timeEpoch":1795250573429},"body":"{\"order\":\"o-7000001\",\"amount\":1250}","isBase64Encoded":false}}"#,
            "2026-11-21T08:42:53.429Z\t3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tINFO\t{\"resource\":\"/orders/{id}\",\"path\":\"/orders/o-7000001\",\"httpMethod\":\"GET\",\"headers\":{\"Accept\":\"*/*\",\"Authorization\":\"Bearer abcdefghijklmnopqrstuvwx\",\"Host\":\"shop.example\"},\"queryStringParameters\":{\"expand\":\"lines\"},\"requestContext\":{\"resourcePath\":\"/orders/{id}\",\"httpMethod\":\"GET\",\"requestId\":\"c6af9ac6-7b61-11e6-9a41-93e8deadbeef\",\"stage\":\"prod\"},\"body\":null}\n",
            r#"{"level":"info","msg":"message received","event":{"Records":[{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a","body":"{\"order\":\"o-7000001\"}","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1795250573429"},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:us-east-2:210987654321:orders","awsRegion":"us-east-2"}]}}"#,
        ],
    },
    // Containers: text layouts.
    Group {
        name: "/ecs/payments",
        stream: "payments/app/0123456789abcdef0123456789abcdef",
        lines: &[
            "08:42:53.429 [main] INFO  com.acme.Pay - charged o-7000001\n",
            "2026-11-21T08:42:53.429Z  INFO 1 --- [payments] [nio-8080-exec-1] [6b01598d2cb6916d86dc283cf0480ff9-86ea0214b5c34e7e] com.acme.Pay : charged o-7000001\n",
            "2026-11-21 08:42:53,429 - payments - WARNING - charge of o-7000001 is slow\n",
            "ERROR:payments:charge of o-7000001 refused\n",
            "[2026-11-21 08:42:53 +0000] [8] [INFO] Booting worker with pid: 8\n",
            "[2026-11-21T08:42:53.429000+00:00] app.ERROR: charge refused {\"orderId\":\"o-7000001\"} {\"uid\":\"5d1\"}\n",
            "<11>1 2026-11-21T08:42:53.429Z ip-10-0-1-5 payments 8 - - charge of o-7000001 refused\n",
            "[Nest] 8  - 11/21/2026, 8:42:53 AM   ERROR [ExceptionsHandler] charge of o-7000001 refused\n",
            "time=\"2026-11-21T08:42:53.429Z\" level=error msg=\"charge refused\" error=\"card is expired\" trace_id=6b01598d2cb6916d86dc283cf0480ff9 correlation_id=c-1 order=o-7000001\n",
            "PHP Fatal error:  Uncaught RuntimeException: card is expired in /var/task/index.php:12\nStack trace:\n#0 /var/task/index.php(20): charge()\n#1 {main}\n  thrown in /var/task/index.php on line 12\n",
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b2f1]\n\ngoroutine 1 [running]:\nmain.charge(...)\n\t/src/main.go:31\nmain.main()\n\t/src/main.go:12 +0x1d\n",
            "connecting to the warehouse of o-7000001, attempt 2 of 3\n",
        ],
    },
    // Containers: JSON, some of it carried by what collects it.
    Group {
        name: "/ecs/orders",
        stream: "orders/app/0123456789abcdef0123456789abcdef",
        lines: &[
            r#"{"container_id":"0123456789abcdef-1","container_name":"orders","ecs_cluster":"shop","ecs_task_arn":"arn:aws:ecs:us-east-2:210987654321:task/shop/0123456789abcdef","ecs_task_definition":"orders:7","log":"{\"level\":\"error\",\"msg\":\"charge refused\",\"order\":\"o-7000001\",\"trace_id\":\"6b01598d2cb6916d86dc283cf0480ff9\"}","source":"stdout"}"#,
            r#"{"log":"2026-11-21 08:42:53,429 INFO charged o-7000001\n","stream":"stdout","time":"2026-11-21T08:42:53.429Z","kubernetes":{"pod_name":"orders-5d9c","namespace_name":"shop","container_name":"orders","host":"ip-10-0-1-5","labels":{"app":"orders"}}}"#,
            "2026-11-21T08:42:53.429000000Z stdout F {\"level\":\"info\",\"msg\":\"charged\",\"order\":\"o-7000001\"}\n",
            r#"{"@t":"2026-11-21T08:42:53.4290000Z","@mt":"Order {OrderId} charged in {Elapsed} ms","@tr":"6b01598d2cb6916d86dc283cf0480ff9","@sp":"86ea0214b5c34e7e","OrderId":"o-7000001","Elapsed":12,"CorrelationId":"c-1"}"#,
            r#"{"version":"1.1","host":"ip-10-0-1-5","short_message":"charge refused","full_message":"charge refused\njava.lang.IllegalStateException: card is expired\n\tat com.acme.Pay.charge(Pay.java:31)","timestamp":1795250573.429,"level":3,"_correlation_id":"c-1","_order":"o-7000001"}"#,
            r#"{"@timestamp":"2026-11-21T08:42:53.429Z","@version":"1","message":"charged o-7000001","logger_name":"com.acme.Pay","thread_name":"main","level":"INFO","level_value":20000,"traceId":"6b01598d2cb6916d86dc283cf0480ff9","spanId":"86ea0214b5c34e7e"}"#,
            r#"{"@timestamp":"2026-11-21T08:42:53.429Z","log.level":"INFO","message":"charged o-7000001","ecs.version":"1.2.0","service.name":"orders","service.version":"1.4.2","event.dataset":"orders","process.thread.name":"main","log.logger":"com.acme.Pay","trace.id":"6b01598d2cb6916d86dc283cf0480ff9"}"#,
            r#"{"severity_text":"INFO","severity_number":9,"body":"charged o-7000001","time_unix_nano":"1795250573429000000","trace_id":"6b01598d2cb6916d86dc283cf0480ff9","span_id":"86ea0214b5c34e7e","attributes":{"order.id":"o-7000001","http.request.method":"POST"},"resource":{"service.name":"orders","service.version":"1.4.2"}}"#,
            r#"{"timestamp":"2026-11-21T08:42:53.429Z","level":"INFO","fields":{"message":"charged","order":"o-7000001","elapsed_ms":12},"target":"orders::charge","span":{"name":"charge"},"spans":[{"name":"request"},{"name":"charge"}]}"#,
            r#"{"event":"charged","order":"o-7000001","level":"info","logger":"app","timestamp":"2026-11-21T08:42:53.429Z","request":{"method":"POST","path":"/pay","status":201},"user":{"id":"u-17","plan":"pro"}}"#,
        ],
    },
    // Servers and services.
    Group {
        name: "/ecs/nginx",
        stream: "edge/nginx/0123456789abcdef0123456789abcdef",
        lines: &[
            "203.0.113.9 - - [21/Nov/2026:08:42:53 +0000] \"GET /orders/o-7000001?x=1 HTTP/1.1\" 502 36 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/145.0\"\n",
            "INFO:     10.0.1.5:49152 - \"GET /orders/o-7000001 HTTP/1.1\" 500 Internal Server Error\n",
            "2026/11/21 08:42:53 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.9, server: shop.example, request: \"GET /orders/o-7000001 HTTP/1.1\", upstream: \"http://10.0.1.5:8080/orders\", host: \"shop.example\"\n",
            r#"{"requestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","ip":"203.0.113.9","requestTime":"21/Nov/2026:08:42:53 +0000","httpMethod":"GET","routeKey":"GET /orders/{id}","path":"/orders/o-7000001","status":"200","protocol":"HTTP/1.1","responseLength":"211","integrationLatency":"41"}"#,
            "2026-11-21 08:42:53 UTC:10.0.1.5(49152):app@shop:[4711]:ERROR:  duplicate key value violates unique constraint \"orders_pkey\"\n",
            "2 210987654321 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.7 49152 443 6 10 840 1795250573 1795250633 ACCEPT OK\n",
        ],
    },
    // Runtimes and loggers of functions that are rarer.
    Group {
        name: "/aws/lambda/refunds",
        stream: "2026/11/21/[9]c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3",
        lines: &[
            "I, [2026-11-21T08:42:53.429000 #8]  INFO 3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83 -- : refunded o-7000001\n",
            "Error raised from handler method\n{\n  \"errorMessage\": \"refund of o-7000001 refused\",\n  \"errorType\": \"Function<CardExpired>\",\n  \"stackTrace\": [\"/var/task/app.rb:9:in `charge'\"]\n}\n",
            "2026-11-21T08:42:53.429Z ERROR Lambda runtime invoke{requestId=\"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\" xrayTraceId=\"Root=1-6b01598d-2cb6916d86dc283cf0480ff9\"}: pay: refund of o-7000001 refused\n",
            "2026-11-21T08:42:53+0000 error pay : [Pay] refund of o-7000001 refused\n",
            "3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83\tInvoke Error\t{\"errorType\":\"RuntimeException\",\"errorMessage\":\"refund of o-7000001 refused\",\"stack\":[\"#0 /var/task/index.php(31)\"]}\n",
            "[21-Nov-2026 08:42:53] WARNING: [pool default] child 7 said into stderr: \"NOTICE: PHP message: PHP Warning:  o-7000001 has no sku in /var/task/index.php on line 9\"\n",
            "card of o-7000001 is expired: java.lang.IllegalStateException\njava.lang.IllegalStateException: card of o-7000001 is expired\n\tat com.acme.Pay.handleRequest(Pay.java:31)\n",
            r#"{"timestamp":"2026-11-21T08:42:53Z","log_level":"ERROR","errorMessage":"refund of o-7000001 refused","errorType":"CardExpired","requestId":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83","stackTrace":["  File \"/var/task/app.py\", line 9, in handler\n    raise CardExpired(order)\n"]}"#,
            r#"{"0":"refunded o-7000001","_meta":{"runtime":"Nodejs","runtimeVersion":"v22","hostname":"h","name":"pay","date":"2026-11-21T08:42:53.429Z","logLevelId":3,"logLevelName":"INFO","path":{"fileNameWithLine":"a.js:9"}}}"#,
            r#"{"startTime":"2026-11-21T08:42:53.429Z","categoryName":"default","data":["refunded","o-7000001"],"level":{"level":20000,"levelStr":"INFO","colour":"green"},"context":{},"pid":8}"#,
            r#"{"context":{"logLevel":30,"package":"pay"},"message":"refunded o-7000001","sequence":"0","time":1795250573429,"version":"2.0.0"}"#,
        ],
    },
    // Servers and their logs: text.
    Group {
        name: "/ecs/platform",
        stream: "platform/server/0123456789abcdef0123456789abcdef",
        lines: &[
            "2026-11-21 08:42:53.429:WARN:oejs.HttpChannel:qtp1-12: /orders/o-7000001\n",
            "2026.11.21 08:42:53.429000 [ 1 ] {3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83} <Error> executeQuery: no o-7000001\n",
            "[1] 2026/11/21 08:42:53.429000 [INF] o-7000001 is published\n",
            "2026-11-21 08:42:53.429000 E [8:main pay.rb:9] Pay -- refund of o-7000001 refused\n",
            "2026-11-21T08:42:53Z E! [outputs.http] o-7000001 was not taken\n",
            "2026-11-21T08:42:53.429Z ip-10-0-1-5 ERROR [app.pay:12] - refund of o-7000001 refused\n",
            "=ERROR REPORT==== 21-Nov-2026::08:42:53.429000 ===\nrefund of o-7000001 refused\n",
            "ERROR[11-21|08:42:53.429] refund refused                           order=o-7000001\n",
            "Nov 21 08:42:53 ip haproxy[8]: 10.0.1.5:49152 [21/Nov/2026:08:42:53.429] fe be/srv1 0/0/0/69/69 502 36 - - ---- 1/1/0/0/0 0/0 \"GET /orders/o-7000001 HTTP/1.1\"\n",
            "2026-11-21 08:42:53 10.0.1.5 GET /orders/o-7000001 - 443 - 203.0.113.9 curl/8 - 502 0 0 12\n",
            "1795250573.429     12 10.0.1.5 TCP_MISS/502 145 GET http://acme.com/orders/o-7000001 - HIER_DIRECT/192.0.2.9 text/html\n",
            "2026/11/21 08:42:53 [ip/a1b2-000001] \"GET http://acme.com/orders/o-7000001 HTTP/1.1\" from 10.0.1.5:49152 - 502 36B in 12.3ms\n",
            "I, [2026-11-21T08:42:53.429000 #8]  INFO -- : [3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83] Completed 502 Bad Gateway in 12ms (ActiveRecord: 1.0ms)\n",
        ],
    },
    // Servers and their logs: JSON.
    Group {
        name: "/ecs/mesh",
        stream: "mesh/proxy/0123456789abcdef0123456789abcdef",
        lines: &[
            r#"{"start_time":"2026-11-21T08:42:53.429Z","method":"GET","path":"/orders/o-7000001","protocol":"HTTP/2","response_code":502,"response_flags":"UF","duration":12,"upstream_host":"10.0.1.5:8080","x_request_id":"3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83"}"#,
            r#"{"ClientAddr":"10.0.1.5:1","DownstreamStatus":502,"Duration":12000000,"OriginStatus":502,"RequestMethod":"GET","RequestPath":"/orders/o-7000001","RouterName":"orders@ecs","level":"info","msg":"","time":"2026-11-21T08:42:53.429Z"}"#,
            r#"{"level":"error","ts":1795250573.429,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.1.5","proto":"HTTP/2.0","method":"GET","host":"acme.com","uri":"/orders/o-7000001","headers":{"User-Agent":["curl/8"]}},"duration":0.012,"size":36,"status":502}"#,
            r#"{"request":{"method":"GET","uri":"/orders/o-7000001","url":"http://acme.com/orders/o-7000001","headers":{"host":"acme.com"}},"response":{"status":502},"latencies":{"request":12,"proxy":9},"started_at":1795250573429,"client_ip":"10.0.1.5"}"#,
            r#"{"@level":"error","@message":"no lease of o-7000001","@module":"vault.core","@timestamp":"2026-11-21T08:42:53.429000Z"}"#,
            r#"{"t":{"$date":"2026-11-21T08:42:53.429+00:00"},"s":"E","c":"NETWORK","id":22943,"ctx":"listener","msg":"no o-7000001"}"#,
            r#"{"type":"log","@timestamp":"2026-11-21T08:42:53Z","tags":["error","elasticsearch"],"pid":8,"message":"no o-7000001"}"#,
            r#"{"t":"2026-11-21T08:42:53.429Z","lvl":"eror","msg":"no o-7000001","err":"reset"}"#,
        ],
    },
    Group {
        name: "API-Gateway-Execution-Logs_a1b2c3/prod",
        stream: "a1b2a1b2a1b2a1b2a1b2a1b2a1b2a1b2",
        lines: &[
            "(3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83) X-ray Tracing ID : 1-6b01598d-2cb6916d86dc283cf0480ff9",
            "(3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83) Method request headers: {Accept=*/*, Authorization=Basic Ym9iOmh1bnRlcjI=, X-Amzn-Trace-Id=Root=1-6b01598d-2cb6916d86dc283cf0480ff9, User-Agent=curl/8.1, X-Forwarded-For=203.0.113.9}",
            "(3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83) Endpoint request URI: https://lambda.us-east-2.amazonaws.com/2015-03-31/functions/arn:aws:lambda:us-east-2:210987654321:function:orders/invocations",
            "(3f0c1d52-8a4e-4b6f-9d2a-7c5e1f0b9a83) Method completed with status: 502",
        ],
    },
];

/// How many forms there are.
pub fn count() -> usize {
    GROUPS.iter().map(|group| group.lines.len()).sum()
}

/// Lambda events of so many log events each, in equal shares of the forms.
pub fn payloads(payloads: usize, events_per_payload: usize) -> Vec<Vec<u8>> {
    // A group delivers as often as it has forms.
    let turns: Vec<&Group> = GROUPS.iter().flat_map(|group| group.lines.iter().map(move |_| group)).collect();
    (0..payloads).map(|number| payload(turns[number * turns.len() / payloads], number, events_per_payload)).collect()
}

fn payload(group: &Group, number: usize, events: usize) -> Vec<u8> {
    const START_UNIX_MS: usize = 1_795_250_573_500;
    const ODD: usize = 0x9e37_79b9;
    let events: Vec<_> = (0..events)
        .map(|index| {
            let place = number * events + index;
            let message = group.lines[index % group.lines.len()]
                .replace("o-7000001", &format!("o-{}", 7_000_001 + place))
                .replace("3f0c1d52", &format!("{:08x}", place.wrapping_mul(ODD) & 0xffff_ffff));
            serde_json::json!({
                "id": format!("{:056}", START_UNIX_MS + place),
                "timestamp": START_UNIX_MS + index,
                "message": message,
            })
        })
        .collect();
    let document = serde_json::json!({
        "messageType": "DATA_MESSAGE",
        "owner": "210987654321",
        "logGroup": group.name,
        "logStream": group.stream,
        "subscriptionFilters": ["transect"],
        "logEvents": events,
    });
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(document.to_string().as_bytes()).expect("a vector takes all");
    let data = base64_simd::STANDARD.encode_to_string(zipped.finish().expect("a vector takes all"));
    serde_json::json!({ "awslogs": { "data": data } }).to_string().into_bytes()
}
