# The resources of a region, planned with a mocked provider: its schema is the real one, and nothing is asked of AWS. Needs `terraform init`
# with a registry or a mirror that has the provider; without, modules/plan is what can be tested.

mock_provider "aws" {}

variables {
  account_id = "123456789012"
  settings = {
    code_bucket_prefix = "acme-code"
    code_key           = "transect-forwarder/1.4.2/00ff/transect-forwarder-x86_64.zip"
    code_sha256        = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  regions = {
    us-east-2 = {}
    eu-west-2 = {
      encryption           = "kms"
      replica_bucket_arn   = "arn:aws:s3:::elsewhere"
      replica_key_arn      = "arn:aws:kms:us-east-2:123456789012:key/1"
      replication_role_arn = "arn:aws:iam::123456789012:role/copy"
      subscribe            = "groups"
      log_groups           = ["/aws/lambda/cart", "/aws/lambda/payments"]
      dashboard            = false
    }
    us-west-2 = { enabled = false, reserved_concurrency = 0 }
  }
}

run "plan" {
  module {
    source = "../plan"
  }
}

run "defaults" {
  command = plan

  variables {
    region = "us-east-2"
    plan   = run.plan.regions["us-east-2"]
  }

  assert {
    condition     = aws_s3_bucket.telemetry.bucket == "transect-telemetry-123456789012-us-east-2" && aws_s3_bucket.telemetry.force_destroy == false
    error_message = "bucket"
  }
  assert {
    condition     = aws_s3_bucket_versioning.telemetry.versioning_configuration[0].status == "Enabled"
    error_message = "what is deleted cannot be brought back"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.telemetry.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "encryption"
  }
  assert {
    condition     = one(aws_s3_bucket_ownership_controls.telemetry.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ownership"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.telemetry.block_public_acls, aws_s3_bucket_public_access_block.telemetry.block_public_policy,
      aws_s3_bucket_public_access_block.telemetry.ignore_public_acls, aws_s3_bucket_public_access_block.telemetry.restrict_public_buckets,
    ])
    error_message = "public access"
  }
  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.telemetry.rule : rule.id => one(rule.expiration[*].days) if rule.id != "leftovers" } == { landing = 400, errors = 90, undelivered = 90, failed = 90, redriven = 30 }
    error_message = jsonencode(aws_s3_bucket_lifecycle_configuration.telemetry.rule[*].id)
  }
  assert {
    condition     = length(aws_kms_key.telemetry) == 0 && length(aws_s3_bucket_replication_configuration.telemetry) == 0
    error_message = "neither key nor replica was asked for"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.telemetry.extended_s3_configuration[0].buffering_size == 128 && aws_kinesis_firehose_delivery_stream.telemetry.extended_s3_configuration[0].compression_format == "UNCOMPRESSED"
    error_message = "stream"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.telemetry.server_side_encryption[0].key_type == "AWS_OWNED_CMK"
    error_message = "the stream is encrypted"
  }
  assert {
    condition     = aws_glue_catalog_table.telemetry.storage_descriptor[0].columns[0].name == "time_unix_nano" && length(aws_glue_catalog_table.telemetry.storage_descriptor[0].columns) == length(var.plan.glue.columns)
    error_message = "columns"
  }
  assert {
    condition     = aws_lambda_function.forwarder.publish && aws_lambda_function.forwarder.reserved_concurrent_executions == 50 && aws_lambda_function.forwarder.timeout == 60
    error_message = "forwarder"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.live.qualifier == "live" && aws_lambda_permission.logs.qualifier == "live" && aws_lambda_permission.logs.source_account == "123456789012"
    error_message = "what holds for the alias"
  }
  assert {
    condition     = aws_cloudwatch_log_account_policy.subscription[0].selection_criteria == "LogGroupName NOT IN [\"/aws/lambda/transect-forwarder\",\"/aws/kinesisfirehose/transect\"]"
    error_message = "the policy"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.alarm) == 16 && aws_cloudwatch_dashboard.overview[0].dashboard_name == "transect-us-east-2"
    error_message = "alarms and dashboard"
  }
  # All of it where it belongs. IAM is global.
  assert {
    condition = alltrue([for region in concat(
      [
        aws_s3_bucket.telemetry.region, aws_s3_bucket_versioning.telemetry.region, aws_s3_bucket_server_side_encryption_configuration.telemetry.region,
        aws_s3_bucket_ownership_controls.telemetry.region, aws_s3_bucket_public_access_block.telemetry.region, aws_s3_bucket_policy.telemetry.region,
        aws_s3_bucket_lifecycle_configuration.telemetry.region, aws_glue_catalog_database.telemetry.region, aws_glue_catalog_table.telemetry.region,
        aws_cloudwatch_log_group.forwarder.region, aws_cloudwatch_log_group.stream.region, aws_cloudwatch_log_stream.stream.region,
        aws_kinesis_firehose_delivery_stream.telemetry.region, aws_lambda_function.forwarder.region, aws_lambda_alias.live.region,
        aws_lambda_function_event_invoke_config.live.region, aws_lambda_permission.logs.region,
      ],
      aws_cloudwatch_log_account_policy.subscription[*].region, values(aws_cloudwatch_metric_alarm.alarm)[*].region, aws_cloudwatch_dashboard.overview[*].region,
    ) : region == "us-east-2"])
    error_message = "a resource is elsewhere"
  }
}

run "everything" {
  command = plan

  variables {
    region = "eu-west-2"
    plan   = run.plan.regions["eu-west-2"]
  }

  assert {
    condition     = length(aws_kms_key.telemetry) == 1 && aws_kms_key.telemetry[0].enable_key_rotation && aws_kms_key.telemetry[0].region == "eu-west-2"
    error_message = "key"
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.telemetry.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" && aws_kinesis_firehose_delivery_stream.telemetry.server_side_encryption[0].key_type == "CUSTOMER_MANAGED_CMK"
    error_message = "encryption"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_replication_configuration.telemetry[0].rule : rule.filter[0].prefix] == ["landing/region=eu-west-2/", "releases/region=eu-west-2/"]
    error_message = "replication"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_replication_configuration.telemetry[0].rule : rule.destination[0].encryption_configuration[0].replica_kms_key_id == "arn:aws:kms:us-east-2:123456789012:key/1"])
    error_message = "the replica's key"
  }
  assert {
    condition     = keys(aws_cloudwatch_log_subscription_filter.group) == ["/aws/lambda/cart", "/aws/lambda/payments"] && length(aws_cloudwatch_log_account_policy.subscription) == 0
    error_message = "groups"
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.overview) == 0
    error_message = "dashboard"
  }
}

run "both_switches" {
  command = plan

  variables {
    region = "us-west-2"
    plan   = run.plan.regions["us-west-2"]
  }

  assert {
    condition     = length(aws_cloudwatch_log_account_policy.subscription) == 0 && length(aws_cloudwatch_log_subscription_filter.group) == 0
    error_message = "something is subscribed"
  }
  assert {
    condition     = aws_lambda_function.forwarder.reserved_concurrent_executions == 0 && length(aws_cloudwatch_metric_alarm.alarm) == 15
    error_message = "the forwarder runs"
  }
}

run "a_plan_is_its_regions" {
  command = plan

  variables {
    region = "us-east-2"
    plan   = run.plan.regions["us-west-2"]
  }

  expect_failures = [var.region]
}
