# The alarms and the dashboard: one table each. What has no data is fine, because these metrics come only with events; except for silence,
# whose matter that is. It refuses to judge telemetry: that is `transect canary`'s.
locals {
  of_function  = { namespace = "AWS/Lambda", dimensions = { FunctionName = local.function } }
  of_forwarder = { namespace = "Transect/Forwarder", dimensions = { function_name = local.function } }
  of_stream    = { namespace = "AWS/Firehose", dimensions = { DeliveryStreamName = var.name } }

  above = "GreaterThanThreshold"
  below = "LessThanThreshold"

  # statistic, period in seconds, periods, and how many of them (null: all).
  alarms = { for alarm, what in {
    forwarder-errors = merge(local.of_function, {
      metric      = "Errors", statistic = "Sum", period = 300, periods = 3, of_them = 2, comparison = local.above, threshold = 0
      description = "Invocations keep failing. Each is tried twice more and then kept in the bucket. The forwarder's log group has errorType"
    })
    forwarder-throttles = merge(local.of_function, {
      metric      = "Throttles", statistic = "Sum", period = 300, periods = 3, of_them = null, comparison = local.above, threshold = 0
      description = "Events wait for a free forwarder, up to 6 h. Raise reserved_concurrency"
    })
    forwarder-undelivered = merge(local.of_function, {
      metric      = "AsyncEventsDropped", statistic = "Sum", period = 300, periods = 1, of_them = null, comparison = local.above, threshold = 0
      description = "Lambda gave up on events and put them into the bucket. `transect failed` says why, `transect redrive` delivers them"
    })
    forwarder-lost = merge(local.of_function, {
      metric      = "DestinationDeliveryFailures", statistic = "Sum", period = 300, periods = 1, of_them = null, comparison = local.above, threshold = 0
      description = "LOSS: undelivered events could not be put into the bucket. CloudWatch has them: `transect backfill`"
    })
    forwarder-backlog = merge(local.of_function, {
      metric      = "AsyncEventAge", statistic = "Maximum", period = 300, periods = 3, of_them = null, comparison = local.above, threshold = 900000
      description = "Events wait for more than 15 min; after 6 h they go to the bucket instead"
    })
    forwarder-slow = merge(local.of_function, {
      metric      = "Duration", statistic = "Maximum", period = 300, periods = 3, of_them = 2, comparison = local.above, threshold = 50000
      description = "Invocations take more than 50 s, and fail at 58 s: Firehose is slow or throttles, or memory is short"
    })
    records-undelivered = merge(local.of_forwarder, {
      metric      = "FailedRecords", statistic = "Sum", period = 300, periods = 3, of_them = 2, comparison = local.above, threshold = 0
      description = "Firehose refuses records or does not take them in time; their invocations fail and are tried again"
    })
    own-events = merge(local.of_forwarder, {
      metric      = "OwnEvents", statistic = "Sum", period = 300, periods = 1, of_them = null, comparison = local.above, threshold = 0
      description = "The forwarder gets log lines of its own or of another deployment's, and each invocation brings the next. `transect doctor`"
    })
    # Without FILL an alarm looks at older hours, which have points, first.
    silence = {
      queries = [
        { id = "filled", expression = "FILL(invocations, 0)" },
        merge(local.of_function, { id = "invocations", metric = "Invocations", statistic = "Sum", period = 3600 }),
      ]
      periods     = 1, of_them = null, comparison = local.below, threshold = 1, missing = "breaching"
      description = "No event for an hour: the subscription may be gone or replaced. `transect doctor`"
    }
    # An event that is tried again is another invocation: this finds much that is missing, and not all.
    forwarder-uninvoked = {
      queries = [
        { id = "percent", expression = "100 * (received - FILL(invoked, 0) - FILL(dropped, 0)) / received" },
        merge(local.of_function, { id = "received", metric = "AsyncEventsReceived", statistic = "Sum", period = 86400 }),
        merge(local.of_function, { id = "invoked", metric = "Invocations", statistic = "Sum", period = 86400 }),
        merge(local.of_function, { id = "dropped", metric = "AsyncEventsDropped", statistic = "Sum", period = 86400 }),
      ]
      periods     = 1, of_them = null, comparison = local.above, threshold = 1
      description = "Of a day's events more than 1 % were neither invoked nor kept. Where `forwarder-backlog` is silent none waits, and it is LOSS: `transect backfill` over that day"
    }
    # By a query, because groups come and go: of all subscriptions of the region, those of others among them.
    logs-skipped = {
      queries     = [{ id = "errors", expression = "SELECT SUM(DeliveryErrors) FROM \"AWS/Logs\"", period = 300 }]
      periods     = 1, of_them = null, comparison = local.above, threshold = 0
      description = "LOSS: a subscription, ours or another's, was refused, and CloudWatch Logs skips up to 10 min. `transect doctor` has the `backfill`"
    }
    logs-throttled = {
      queries     = [{ id = "throttled", expression = "SELECT SUM(DeliveryThrottling) FROM \"AWS/Logs\"", period = 300 }]
      periods     = 3, of_them = null, comparison = local.above, threshold = 0
      description = "A subscription's destination throttles, ours or another's; CloudWatch Logs tries again for up to 24 h. `transect doctor`"
    }
    stream-freshness = merge(local.of_stream, {
      metric      = "DeliveryToS3.DataFreshness", statistic = "Maximum", period = 300, periods = 3, of_them = null, comparison = local.above, threshold = 1800
      description = "A record has waited in Firehose for more than 30 min; after 24 h it is lost. The stream's log group says why"
    })
    stream-delivery = merge(local.of_stream, {
      metric      = "DeliveryToS3.Success", statistic = "Average", period = 300, periods = 3, of_them = null, comparison = local.below, threshold = 1
      description = "Firehose cannot write to the bucket, and tries for 24 h. The stream's log group says why"
    })
    stream-conversion = merge(local.of_stream, {
      metric      = "FailedConversion.Records", statistic = "Sum", period = 300, periods = 1, of_them = null, comparison = local.above, threshold = 0
      description = "Records do not fit the table and are in errors/. `transect failed` says why, `transect redrive` delivers them"
    })
    stream-throttles = merge(local.of_stream, {
      metric      = "ThrottledRecords", statistic = "Sum", period = 300, periods = 3, of_them = null, comparison = local.above, threshold = 0
      description = "The stream's quota is reached, and the forwarder keeps trying. Ask for a higher one"
    })
    } : alarm => merge(
    { missing = "notBreaching", alarm_name = "${var.name}-${alarm}", namespace = null, metric = null, dimensions = null, statistic = null, period = null, queries = [] }, what
  ) }

  # Metrics as the dashboard writes them: `.` repeats what stands above.
  widgets = [
    {
      title = "Events in, records out", stat = "Sum"
      metrics = [
        ["Transect/Forwarder", "Events", "function_name", local.function], [".", "Records", ".", "."], [".", "SampledOut", ".", "."],
        [".", "LateEvents", ".", "."], [".", "OwnEvents", ".", "."],
        ["AWS/Lambda", "AsyncEventsReceived", "FunctionName", local.function], [".", "Invocations", ".", "."],
      ]
    },
    {
      title = "Bytes: decoded, sent, billed by Firehose", stat = "Sum"
      metrics = [
        ["Transect/Forwarder", "BytesDecoded", "function_name", local.function], [".", "BytesOut", ".", "."], [".", "BytesBilled", ".", "."],
        ["AWS/Firehose", "IncomingBytes", "DeliveryStreamName", var.name],
      ]
    },
    {
      title = "Failures", stat = "Sum"
      metrics = [
        ["AWS/Lambda", "Errors", "FunctionName", local.function], [".", "AsyncEventsDropped", ".", "."], [".", "DestinationDeliveryFailures", ".", "."],
        ["Transect/Forwarder", "FailedRecords", "function_name", "."], [".", "RetriedRecords", ".", "."],
        ["AWS/Firehose", "FailedConversion.Records", "DeliveryStreamName", var.name], [".", "ThrottledRecords", ".", "."],
        ["AWS/Lambda", "Throttles", "FunctionName", local.function],
      ]
    },
    {
      title = "Age: waiting events (ms, left), records in Firehose (s, right)", stat = "Maximum"
      metrics = [
        ["AWS/Lambda", "AsyncEventAge", "FunctionName", local.function],
        ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", var.name, { yAxis = "right" }],
      ]
    },
    {
      title = "Concurrency (left) and duration (ms, right)", stat = "Sum"
      metrics = [
        ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", local.function, { stat = "Maximum" }],
        [".", "Duration", ".", ".", { stat = "p50", yAxis = "right" }], [".", ".", ".", ".", { stat = "p99", yAxis = "right" }],
        [".", ".", ".", ".", { stat = "Maximum", yAxis = "right" }],
      ]
    },
    {
      title   = "Files (left) and their bytes (right)", stat = "Sum"
      metrics = [["AWS/Firehose", "DeliveryToS3.Records", "DeliveryStreamName", var.name], [".", "DeliveryToS3.Bytes", ".", ".", { yAxis = "right" }]]
    },
    {
      title = "Subscriptions of the region: refused (skipped), throttled", stat = "Sum", width = 24
      metrics = [
        [{ expression = "SELECT SUM(DeliveryErrors) FROM \"AWS/Logs\" GROUP BY LogGroupName" }],
        [{ expression = "SELECT SUM(DeliveryThrottling) FROM \"AWS/Logs\" GROUP BY LogGroupName" }],
      ]
    },
  ]
}
