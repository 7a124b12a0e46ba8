# One region of Transect, whole: bucket, Glue table, Firehose stream, forwarder with version and alias, subscription, alarms, dashboard.
# The same as deploy/cfn/region.yaml; why each value is as it is stands there and in modules/plan.
#
# What it refuses to do: decide anything (modules/plan does), delete telemetry (bucket and key are protected), forward the log groups that it
# writes itself, run code other than the bytes whose checksum it was given, shift traffic by weights.
#
# Two ways to stop, and nothing lost by either: `enabled = false` takes the subscription away, and `transect backfill` brings in what came
# meanwhile; `reserved_concurrency = 0` stops the forwarder, Lambda hands every event to the bucket at once, and `transect redrive` delivers
# them later.

# --- Key, if one is asked for ---

resource "aws_kms_key" "telemetry" {
  count = var.plan.key == null ? 0 : 1

  region                  = var.region
  description             = var.plan.key.description
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = var.plan.key.policy

  lifecycle {
    prevent_destroy = true
  }
}

# --- Bucket ---

resource "aws_s3_bucket" "telemetry" {
  region        = var.region
  bucket        = var.plan.bucket.name
  force_destroy = false

  # To give a region up and keep what it holds, take bucket and key out of the state first (`terraform state rm`).
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "telemetry" {
  region = var.region
  bucket = aws_s3_bucket.telemetry.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "telemetry" {
  region = var.region
  bucket = aws_s3_bucket.telemetry.id

  rule {
    bucket_key_enabled = var.plan.key == null ? null : true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.plan.key == null ? "AES256" : "aws:kms"
      kms_master_key_id = one(aws_kms_key.telemetry[*].arn)
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "telemetry" {
  region = var.region
  bucket = aws_s3_bucket.telemetry.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "telemetry" {
  region                  = var.region
  bucket                  = aws_s3_bucket.telemetry.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "telemetry" {
  region = var.region
  bucket = aws_s3_bucket.telemetry.id
  policy = var.plan.bucket.policy

  depends_on = [aws_s3_bucket_public_access_block.telemetry]
}

resource "aws_s3_bucket_lifecycle_configuration" "telemetry" {
  region = var.region
  bucket = aws_s3_bucket.telemetry.id

  dynamic "rule" {
    for_each = var.plan.bucket.expirations

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      expiration {
        days = rule.value.days
      }
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    # The whole bucket.
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.plan.bucket.multipart_upload_days
    }

    noncurrent_version_expiration {
      noncurrent_days = var.plan.bucket.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # What is not current is known only to a versioned bucket.
  depends_on = [aws_s3_bucket_versioning.telemetry]
}

resource "aws_s3_bucket_replication_configuration" "telemetry" {
  count = var.plan.bucket.replication == null ? 0 : 1

  region = var.region
  bucket = aws_s3_bucket.telemetry.id
  role   = var.plan.bucket.replication.role_arn

  dynamic "rule" {
    for_each = var.plan.bucket.replication.rules

    content {
      id       = rule.key
      status   = "Enabled"
      priority = rule.value.priority

      filter {
        prefix = rule.value.prefix
      }

      delete_marker_replication {
        status = "Disabled"
      }

      dynamic "source_selection_criteria" {
        for_each = var.plan.bucket.replication.replica_key_arn == null ? [] : [var.plan.bucket.replication.replica_key_arn]

        content {
          sse_kms_encrypted_objects {
            status = "Enabled"
          }
        }
      }

      destination {
        bucket = var.plan.bucket.replication.bucket_arn

        dynamic "encryption_configuration" {
          for_each = var.plan.bucket.replication.replica_key_arn == null ? [] : [var.plan.bucket.replication.replica_key_arn]

          content {
            replica_kms_key_id = encryption_configuration.value
          }
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.telemetry]
}

# --- Table: what Firehose converts by, and what Athena asks ---

resource "aws_glue_catalog_database" "telemetry" {
  region     = var.region
  catalog_id = var.plan.account_id
  name       = var.plan.glue.database
}

resource "aws_glue_catalog_table" "telemetry" {
  region        = var.region
  catalog_id    = var.plan.account_id
  database_name = aws_glue_catalog_database.telemetry.name
  name          = var.plan.glue.table
  description   = "Logs, spans and metrics, one row each; a record may be there twice"
  table_type    = "EXTERNAL_TABLE"
  parameters    = var.plan.glue.parameters

  dynamic "partition_keys" {
    for_each = var.plan.glue.partition_keys

    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = var.plan.glue.location
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = var.plan.glue.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

# --- Own log groups: they are there before what writes to them, so that nothing is kept for ever and no role may make groups ---

resource "aws_cloudwatch_log_group" "forwarder" {
  region            = var.region
  name              = var.plan.log_groups.forwarder
  retention_in_days = var.plan.log_groups.retention_days
  kms_key_id        = one(aws_kms_key.telemetry[*].arn)
}

resource "aws_cloudwatch_log_group" "stream" {
  region            = var.region
  name              = var.plan.log_groups.stream
  retention_in_days = var.plan.log_groups.retention_days
  kms_key_id        = one(aws_kms_key.telemetry[*].arn)
}

resource "aws_cloudwatch_log_stream" "stream" {
  region         = var.region
  log_group_name = aws_cloudwatch_log_group.stream.name
  name           = var.plan.firehose.log_stream
}

# --- Stream ---

# IAM is global: its resources have no region, and their names a drawn end, so that those of several regions do not meet.
resource "aws_iam_role" "stream" {
  name_prefix        = var.plan.firehose.role_name_prefix
  description        = var.plan.firehose.role_description
  assume_role_policy = var.plan.firehose.assume_role_policy
}

resource "aws_iam_role_policy" "stream" {
  name = "deliver"
  role = aws_iam_role.stream.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.plan.firehose.statements, [for key in aws_kms_key.telemetry : {
      Effect    = "Allow"
      Action    = var.plan.firehose.key_actions
      Resource  = [key.arn]
      Condition = { StringLike = { "kms:ViaService" = "s3.${var.region}.*" } }
    }])
  })
}

resource "aws_kinesis_firehose_delivery_stream" "telemetry" {
  region      = var.region
  name        = var.plan.firehose.name
  destination = "extended_s3"

  server_side_encryption {
    enabled  = true
    key_type = var.plan.key == null ? "AWS_OWNED_CMK" : "CUSTOMER_MANAGED_CMK"
    key_arn  = one(aws_kms_key.telemetry[*].arn)
  }

  extended_s3_configuration {
    bucket_arn          = aws_s3_bucket.telemetry.arn
    role_arn            = aws_iam_role.stream.arn
    prefix              = var.plan.firehose.prefix
    error_output_prefix = var.plan.firehose.error_prefix
    buffering_size      = var.plan.firehose.buffer_mib
    buffering_interval  = var.plan.firehose.buffer_seconds
    compression_format  = var.plan.firehose.compression
    s3_backup_mode      = "Disabled"

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.stream.name
      log_stream_name = aws_cloudwatch_log_stream.stream.name
    }

    data_format_conversion_configuration {
      enabled = true

      input_format_configuration {
        deserializer {
          open_x_json_ser_de {
            case_insensitive = true
          }
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {
            compression                   = var.plan.firehose.parquet_compression
            enable_dictionary_compression = true
            block_size_bytes              = var.plan.firehose.parquet_block_bytes
          }
        }
      }

      schema_configuration {
        catalog_id    = var.plan.account_id
        database_name = aws_glue_catalog_table.telemetry.database_name
        table_name    = aws_glue_catalog_table.telemetry.name
        region        = var.region
        role_arn      = aws_iam_role.stream.arn
        version_id    = "LATEST"
      }
    }
  }

  # Firehose looks at the table with its role when the stream is made.
  depends_on = [aws_iam_role_policy.stream]
}

# --- Forwarder ---

resource "aws_iam_role" "forwarder" {
  name_prefix        = var.plan.forwarder.role_name_prefix
  description        = var.plan.forwarder.role_description
  assume_role_policy = var.plan.forwarder.assume_role_policy
}

resource "aws_iam_role_policy" "forwarder" {
  name = "forward"
  role = aws_iam_role.forwarder.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.plan.forwarder.statements, [for key in aws_kms_key.telemetry : {
      Effect    = "Allow"
      Action    = var.plan.forwarder.key_actions
      Resource  = [key.arn]
      Condition = { StringLike = { "kms:ViaService" = "s3.${var.region}.*" } }
    }])
  })
}

resource "aws_lambda_function" "forwarder" {
  region        = var.region
  function_name = var.plan.forwarder.function
  description   = var.plan.forwarder.description
  runtime       = var.plan.forwarder.runtime
  architectures = [var.plan.forwarder.architecture]
  handler       = var.plan.forwarder.handler
  role          = aws_iam_role.forwarder.arn
  memory_size   = var.plan.forwarder.memory_mib
  # It works until 2 s before, and then fails in words.
  timeout                        = var.plan.forwarder.timeout_seconds
  reserved_concurrent_executions = var.plan.forwarder.reserved_concurrency

  s3_bucket        = var.plan.forwarder.code_bucket
  s3_key           = var.plan.forwarder.code_key
  source_code_hash = var.plan.forwarder.code_sha256
  # A version whenever code or configuration change. Former ones stay, to go back to.
  publish = true

  # Text hands lines on as they are printed, and CloudWatch makes metrics of those in its embedded format.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.forwarder.name
  }

  environment {
    variables = var.plan.forwarder.environment
  }

  depends_on = [aws_iam_role_policy.forwarder, aws_kinesis_firehose_delivery_stream.telemetry]
}

# What was published, asked of Lambda: the function's own attributes are those of before while an upgrade is planned. No event reaches other
# bytes, because the alias waits for this. The newest version counts, whoever published it.
data "aws_lambda_function" "published" {
  region        = var.region
  function_name = aws_lambda_function.forwarder.function_name
  qualifier     = aws_lambda_function.forwarder.version

  lifecycle {
    postcondition {
      condition     = self.code_sha256 == var.plan.forwarder.code_sha256
      error_message = "${var.region}: version ${self.version} of ${var.plan.forwarder.function} has code with SHA-256 ${self.code_sha256}, and ${var.plan.forwarder.code_sha256} was asked for. The alias stays where it is. Either code_key and code_sha256 do not belong together, or a version was published beside Terraform (`publish.sh deploy-version`): then name that release."
    }
  }
}

resource "aws_lambda_alias" "live" {
  region           = var.region
  name             = var.plan.forwarder.alias
  function_name    = aws_lambda_function.forwarder.function_name
  function_version = data.aws_lambda_function.published.version

  lifecycle {
    # The plan knows this ARN before the alias is there, because the policy below names it.
    postcondition {
      condition     = self.arn == var.plan.forwarder.destination_arn
      error_message = "${var.region}: the alias is ${self.arn}, and the subscription would deliver to ${var.plan.forwarder.destination_arn}: name, account or partition are not those of the plan."
    }
  }
}

# For the alias, because that is what is invoked: settings of $LATEST do not hold for it.
resource "aws_lambda_function_event_invoke_config" "live" {
  region                       = var.region
  function_name                = aws_lambda_function.forwarder.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_retry_attempts       = var.plan.forwarder.retries
  maximum_event_age_in_seconds = var.plan.forwarder.event_age_max_seconds

  # The bucket alone: Lambda has its own folder in it, aws/lambda/async/FUNCTION/.
  destination_config {
    on_failure {
      destination = aws_s3_bucket.telemetry.arn
    }
  }

  depends_on = [aws_iam_role_policy.forwarder, aws_s3_bucket_policy.telemetry]
}

# --- Subscription ---

# Without it for a moment, CloudWatch Logs skips up to ten minutes of events: nothing but another name, which is another deployment, replaces
# it or the alias.
resource "aws_lambda_permission" "logs" {
  region         = var.region
  statement_id   = "logs-may-invoke"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.forwarder.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = var.plan.subscription.principal
  source_account = var.plan.account_id
  source_arn     = var.plan.subscription.source_arn
}

# The one policy that a region and account can have. CloudWatch tries the destination when the policy comes; what the forwarder fails at must
# have its place by then.
resource "aws_cloudwatch_log_account_policy" "subscription" {
  count = var.plan.subscription.policy == null ? 0 : 1

  region             = var.region
  policy_name        = var.plan.subscription.name
  policy_type        = "SUBSCRIPTION_FILTER_POLICY"
  scope              = "ALL"
  policy_document    = var.plan.subscription.policy.document
  selection_criteria = var.plan.subscription.policy.selection_criteria

  depends_on = [aws_lambda_permission.logs, aws_lambda_function_event_invoke_config.live]
}

resource "aws_cloudwatch_log_subscription_filter" "group" {
  for_each = toset(var.plan.subscription.groups)

  region          = var.region
  name            = var.plan.subscription.name
  log_group_name  = each.value
  filter_pattern  = var.plan.subscription.pattern
  destination_arn = aws_lambda_alias.live.arn

  depends_on = [aws_lambda_permission.logs, aws_lambda_function_event_invoke_config.live]
}

# --- Alarms and dashboard ---

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = var.plan.alarms

  region              = var.region
  alarm_name          = each.value.alarm_name
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.of_them
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = var.plan.alarm_actions

  # What an alarm looks at is one metric, or what the first of these comes to.
  dynamic "metric_query" {
    for_each = each.value.queries

    content {
      id          = metric_query.value.id
      expression  = try(metric_query.value.expression, null)
      period      = try(metric_query.value.expression, null) == null ? null : try(metric_query.value.period, null)
      return_data = metric_query.key == 0

      dynamic "metric" {
        for_each = try(metric_query.value.expression, null) == null ? [metric_query.value] : []

        content {
          namespace   = metric.value.namespace
          metric_name = metric.value.metric
          dimensions  = metric.value.dimensions
          stat        = metric.value.statistic
          period      = metric.value.period
        }
      }
    }
  }
}

resource "aws_cloudwatch_dashboard" "overview" {
  count = var.plan.dashboard == null ? 0 : 1

  region         = var.region
  dashboard_name = var.plan.dashboard.name
  dashboard_body = var.plan.dashboard.body
}
