# What the plan comes to, in values that others rely on: names, prefixes, ARNs, limits, the subscription, the alarms.

variables {
  account_id = "123456789012"
  settings = {
    code_bucket_prefix = "acme-code"
    code_key           = "transect-forwarder/1.4.2/00ff/transect-forwarder-x86_64.zip"
    code_sha256        = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  regions = {
    us-east-2 = {}
    eu-west-2 = {}
  }
}

run "names_are_made_of_the_deployments" {
  command = plan

  assert {
    condition     = keys(output.regions) == ["eu-west-2", "us-east-2"]
    error_message = "regions: ${jsonencode(keys(output.regions))}"
  }
  assert {
    condition     = output.regions.us-east-2.bucket.name == "transect-telemetry-123456789012-us-east-2" && output.regions.us-east-2.bucket.url == "s3://transect-telemetry-123456789012-us-east-2"
    error_message = jsonencode(output.regions.us-east-2.bucket)
  }
  assert {
    condition     = output.regions.us-east-2.forwarder.destination_arn == "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder:live"
    error_message = output.regions.us-east-2.forwarder.destination_arn
  }
  assert {
    condition     = output.regions.eu-west-2.firehose.name == "transect" && output.regions.eu-west-2.firehose.log_stream == "delivery"
    error_message = jsonencode(output.regions.eu-west-2.firehose)
  }
  assert {
    condition     = output.regions.us-east-2.log_groups.forwarder == "/aws/lambda/transect-forwarder" && output.regions.us-east-2.log_groups.stream == "/aws/kinesisfirehose/transect"
    error_message = jsonencode(output.regions.us-east-2.log_groups)
  }
  assert {
    condition     = "${output.regions.us-east-2.glue.database}.${output.regions.us-east-2.glue.table}" == "transect.telemetry"
    error_message = "table: ${output.regions.us-east-2.glue.database}.${output.regions.us-east-2.glue.table}"
  }
  assert {
    condition     = output.regions.eu-west-2.forwarder.code_bucket == "acme-code-eu-west-2"
    error_message = output.regions.eu-west-2.forwarder.code_bucket
  }
  assert {
    condition     = output.transect_toml == "[[region]]\nname = \"eu-west-2\"\nurl = \"s3://transect-telemetry-123456789012-eu-west-2\"\n\n[[region]]\nname = \"us-east-2\"\nurl = \"s3://transect-telemetry-123456789012-us-east-2\"\n"
    error_message = output.transect_toml
  }
}

run "firehose_writes_where_the_lake_is_read" {
  command = plan

  assert {
    condition     = output.regions.us-east-2.firehose.prefix == "landing/region=us-east-2/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    error_message = output.regions.us-east-2.firehose.prefix
  }
  assert {
    condition     = output.regions.us-east-2.firehose.error_prefix == "errors/region=us-east-2/!{firehose:error-output-type}/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    error_message = output.regions.us-east-2.firehose.error_prefix
  }
  assert {
    condition     = output.regions.us-east-2.firehose.compression == "UNCOMPRESSED" && output.regions.us-east-2.firehose.parquet_compression == "SNAPPY" && output.regions.us-east-2.firehose.buffer_mib == 128
    error_message = jsonencode(output.regions.us-east-2.firehose)
  }
  assert {
    condition     = output.regions.us-east-2.glue.columns == [for column in jsondecode(file("../../../generated/glue-columns.json")) : { name = column.Name, type = column.Type, comment = column.Comment }]
    error_message = jsonencode(output.regions.us-east-2.glue.columns)
  }
  assert {
    condition     = output.regions.us-east-2.glue.parameters["storage.location.template"] == "s3://transect-telemetry-123456789012-us-east-2/landing/region=$${region}/date=$${date}/hour=$${hour}/"
    error_message = output.regions.us-east-2.glue.parameters["storage.location.template"]
  }
}

run "a_region_overrides_the_settings_and_they_the_defaults" {
  command = plan

  variables {
    settings = {
      code_bucket_prefix = "acme-code"
      code_key           = "key"
      code_sha256        = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      buffer_mib         = 64
      redact_keys        = ["iban", "tax_id"]
      alarm_topic        = "on-call"
    }
    regions = {
      us-east-2 = { buffer_mib = 100, sample_rate = 0.1 }
      eu-west-2 = { buffer_mib = null, reserved_concurrency = 0 }
    }
  }

  assert {
    condition     = output.regions.us-east-2.firehose.buffer_mib == 100 && output.regions.eu-west-2.firehose.buffer_mib == 64
    error_message = "${output.regions.us-east-2.firehose.buffer_mib} and ${output.regions.eu-west-2.firehose.buffer_mib}"
  }
  assert {
    condition = output.regions.us-east-2.forwarder.environment == {
      TRANSECT_CORRELATION_KEYS = ""
      TRANSECT_DELIVERY_STREAM  = "transect"
      TRANSECT_MAX_DECODED_MIB  = "64"
      TRANSECT_MIN_SEVERITY     = "none"
      TRANSECT_REDACT           = "on"
      TRANSECT_REDACT_KEYS      = "iban,tax_id"
      TRANSECT_REDACT_PATTERNS  = ""
      TRANSECT_RELEASE_KEYS     = ""
      TRANSECT_SAMPLE_RATE      = "0.1"
    }
    error_message = jsonencode(output.regions.us-east-2.forwarder.environment)
  }
  assert {
    condition     = output.regions.eu-west-2.forwarder.reserved_concurrency == 0 && output.regions.us-east-2.forwarder.reserved_concurrency == 50
    error_message = "the second way to stop"
  }
  assert {
    condition     = output.regions.eu-west-2.alarm_actions == tolist(["arn:aws:sns:eu-west-2:123456789012:on-call"])
    error_message = jsonencode(output.regions.eu-west-2.alarm_actions)
  }
}

run "the_policy_leaves_out_what_the_pipeline_writes" {
  command = plan

  variables {
    regions = {
      us-east-2 = { excluded_log_groups = ["/aws/cloudtrail/data", "/aws/lambda/transect-forwarder"], filter_pattern = "{ $.level = \"error\" && $.n > 1 }" }
    }
  }

  assert {
    condition     = output.regions.us-east-2.subscription.policy.selection_criteria == "LogGroupName NOT IN [\"/aws/lambda/transect-forwarder\",\"/aws/kinesisfirehose/transect\",\"/aws/cloudtrail/data\"]"
    error_message = output.regions.us-east-2.subscription.policy.selection_criteria
  }
  assert {
    condition = jsondecode(output.regions.us-east-2.subscription.policy.document) == {
      DestinationArn = "arn:aws:lambda:us-east-2:123456789012:function:transect-forwarder:live"
      Distribution   = "Random"
      FilterPattern  = "{ $.level = \"error\" && $.n > 1 }"
    }
    error_message = output.regions.us-east-2.subscription.policy.document
  }
  assert {
    condition     = length(output.regions.us-east-2.subscription.groups) == 0
    error_message = "the policy and filters of groups would deliver every event twice"
  }
}

run "groups_and_nothing_and_the_switch" {
  command = plan

  variables {
    regions = {
      us-east-2 = { subscribe = "groups", log_groups = ["/aws/lambda/cart", "/aws/lambda/payments"] }
      us-west-2 = { subscribe = "none" }
      eu-west-1 = { enabled = false }
      eu-west-2 = { enabled = false, subscribe = "groups", log_groups = ["/aws/lambda/cart"] }
      eu-west-3 = { silence_alarm = false, dashboard = false }
    }
  }

  assert {
    condition     = output.regions.us-east-2.subscription.groups == tolist(["/aws/lambda/cart", "/aws/lambda/payments"]) && output.regions.us-east-2.subscription.policy == null
    error_message = jsonencode(output.regions.us-east-2.subscription)
  }
  assert {
    condition     = alltrue([for region in ["us-west-2", "eu-west-1", "eu-west-2"] : output.regions[region].subscription.policy == null && length(output.regions[region].subscription.groups) == 0])
    error_message = "something is subscribed"
  }
  # Silence is an alarm only where something is subscribed and somebody wants it.
  assert {
    condition     = [for region, plan in output.regions : region if contains(keys(plan.alarms), "silence")] == ["us-east-2"]
    error_message = jsonencode({ for region, plan in output.regions : region => keys(plan.alarms) })
  }
  assert {
    condition     = output.regions.eu-west-3.dashboard == null && output.regions.eu-west-1.dashboard.name == "transect-eu-west-1"
    error_message = "dashboards"
  }
  assert {
    condition     = length(output.regions.eu-west-3.alarms) == 15 && length(output.regions.eu-west-3.alarm_actions) == 0
    error_message = jsonencode(keys(output.regions.eu-west-3.alarms))
  }
}

run "another_partition" {
  command = plan

  variables {
    name      = "acme"
    partition = "aws-cn"
    regions   = { cn-north-1 = { encryption = "kms", alarm_topic = "on-call" } }
  }

  # No ARN of another partition anywhere.
  assert {
    condition     = length(regexall("arn:aws:", jsonencode(output.regions))) == 0 && length(regexall("arn:aws-cn:", jsonencode(output.regions))) > 20
    error_message = join("\n", regexall("arn:aws:[^\"]*", jsonencode(output.regions)))
  }
  assert {
    condition     = output.regions.cn-north-1.subscription.principal == "logs.amazonaws.com.cn" && strcontains(output.regions.cn-north-1.key.policy, "logs.cn-north-1.amazonaws.com.cn")
    error_message = output.regions.cn-north-1.subscription.principal
  }
  assert {
    condition     = output.regions.cn-north-1.forwarder.destination_arn == "arn:aws-cn:lambda:cn-north-1:123456789012:function:acme-forwarder:live"
    error_message = output.regions.cn-north-1.forwarder.destination_arn
  }
}

run "every_partition_is_found_in_its_regions_names" {
  command = plan

  variables {
    partition = "aws-iso-b"
    regions   = { us-isob-east-1 = {} }
  }

  assert {
    condition     = length(output.faults) == 0
    error_message = join("\n", output.faults)
  }
}

run "two_regions_are_each_others_replica" {
  command = plan

  variables {
    regions = {
      us-east-2 = { replica_bucket_arn = "arn:aws:s3:::transect-telemetry-123456789012-eu-west-2", replication_role_arn = "arn:aws:iam::123456789012:role/copy" }
      eu-west-2 = {
        encryption           = "kms"
        replica_bucket_arn   = "arn:aws:s3:::transect-telemetry-123456789012-us-east-2"
        replica_key_arn      = "arn:aws:kms:us-east-2:123456789012:key/1"
        replication_role_arn = "arn:aws:iam::123456789012:role/copy"
      }
    }
  }

  # Each copies only what arose in it, so that nothing goes round in circles.
  assert {
    condition     = [for rule in output.regions.us-east-2.bucket.replication.rules : rule.prefix] == ["landing/region=us-east-2/", "releases/region=us-east-2/"]
    error_message = jsonencode(output.regions.us-east-2.bucket.replication)
  }
  assert {
    condition     = output.regions.us-east-2.bucket.replication.replica_key_arn == null && output.regions.eu-west-2.bucket.replication.replica_key_arn == "arn:aws:kms:us-east-2:123456789012:key/1"
    error_message = jsonencode(output.regions.eu-west-2.bucket.replication)
  }
}

run "nothing_is_allowed_by_a_wildcard" {
  command = plan

  variables {
    regions = { us-east-2 = { encryption = "kms" } }
  }

  assert {
    condition = alltrue([for statement in concat(output.regions.us-east-2.firehose.statements, output.regions.us-east-2.forwarder.statements) :
      statement.Effect == "Deny" || alltrue([for action in statement.Action : !strcontains(action, "*")]) && alltrue([for resource in statement.Resource : startswith(resource, "arn:aws:")])
    ])
    error_message = jsonencode([output.regions.us-east-2.firehose.statements, output.regions.us-east-2.forwarder.statements])
  }
  assert {
    condition     = alltrue([for action in concat(output.regions.us-east-2.firehose.key_actions, output.regions.us-east-2.forwarder.key_actions) : !strcontains(action, "*")])
    error_message = "actions on the key"
  }
  # Bucket policy and nothing else may say s3:*, because it denies.
  assert {
    condition     = alltrue([for statement in jsondecode(output.regions.us-east-2.bucket.policy).Statement : statement.Effect == "Deny"])
    error_message = output.regions.us-east-2.bucket.policy
  }
}

run "roles_fit_the_longest_name" {
  command = plan

  variables {
    name    = "acme-telemetry-of-everything-all"
    regions = { us-east-2 = { bucket_name = "acme" } }
  }

  assert {
    condition     = length(output.regions.us-east-2.forwarder.role_name_prefix) <= 38 && length(output.regions.us-east-2.firehose.role_name_prefix) <= 38
    error_message = output.regions.us-east-2.forwarder.role_name_prefix
  }
}
