# What every region gets, as values: names, ARNs, prefixes, policies, limits, alarms, the dashboard. modules/region turns them into
# resources and decides nothing. It says what deploy/cfn/region.yaml says, and tests/equals_cloudformation.py compares the two. It refuses
# to know anything that only AWS knows: ARNs are made of names, because every name here is chosen and none is drawn.
locals {
  in_partition = {
    for region in keys(var.regions) : region => concat([for part, partition in local.partition_of : partition if startswith(region, "${part}-")], ["aws"])[0]
  }
  dns_suffix = local.dns_suffixes[var.partition]

  function   = "${var.name}-forwarder"
  alias      = "live"
  table      = "telemetry"
  log_stream = "delivery"
  # What the pipeline writes itself. To forward it would be a loop.
  forwarder_log_group = "/aws/lambda/${local.function}"
  stream_log_group    = "/aws/kinesisfirehose/${var.name}"
  own_groups          = [local.forwarder_log_group, local.stream_log_group]

  root = "arn:${var.partition}:iam::${var.account_id}:root"

  buckets = {
    for region, value in local.effective : region => value.bucket_name == null ? "${var.name}-telemetry-${var.account_id}-${region}" : local.text[region].bucket_name
  }

  # The forwarder's environment: the variables of crates/forwarder/src/config.rs, all of them, so that what is in force can be read.
  environment = {
    for region, value in local.effective : region => {
      TRANSECT_DELIVERY_STREAM  = var.name
      TRANSECT_REDACT           = local.text[region].redact
      TRANSECT_REDACT_KEYS      = join(",", local.list[region].redact_keys)
      TRANSECT_REDACT_PATTERNS  = join(" ", local.list[region].redact_patterns)
      TRANSECT_CORRELATION_KEYS = join(",", local.list[region].correlation_keys)
      TRANSECT_RELEASE_KEYS     = join(",", local.list[region].release_keys)
      TRANSECT_MIN_SEVERITY     = local.text[region].min_severity
      TRANSECT_SAMPLE_RATE      = local.text[region].sample_rate
      TRANSECT_MAX_DECODED_MIB  = local.text[region].max_decoded_mib
    }
  }

  # The same of other deployments in the region: each would forward what the other writes.
  groups_of_others = {
    for region in keys(local.effective) : region => concat(
      [for name in local.list[region].other_names : "/aws/lambda/${name}-forwarder"], [for name in local.list[region].other_names : "/aws/kinesisfirehose/${name}"]
    )
  }

  # The only criterion that CloudWatch Logs knows. jsonencode writes the list as it wants it.
  selection = {
    for region, value in local.effective : region => "LogGroupName NOT IN ${jsonencode(distinct(concat(local.own_groups, local.groups_of_others[region], local.list[region].excluded_log_groups)))}"
  }

  topics = {
    for region, text in local.text : region => text.alarm_topic == "" || startswith(text.alarm_topic, "arn:") ? text.alarm_topic : (
      "arn:${var.partition}:sns:${region}:${var.account_id}:${text.alarm_topic}"
    )
  }

  transect_toml = join("\n", [for region in keys(local.regions) : "[[region]]\nname = \"${region}\"\nurl = \"${local.regions[region].bucket.url}\"\n"])

  regions = {
    for region, value in local.effective : region => {
      region     = region
      account_id = var.account_id

      bucket = {
        name = local.buckets[region]
        url  = "s3://${local.buckets[region]}"
        # releases/ has no rule: what ran where is small, and wanted as long as there is telemetry.
        expirations = {
          landing     = { prefix = "landing/", days = local.number[region].landing_days }
          errors      = { prefix = "errors/", days = local.number[region].errors_days }
          undelivered = { prefix = "aws/lambda/async/", days = local.number[region].failed_days }
          failed      = { prefix = "failed/", days = local.number[region].failed_days }
          redriven    = { prefix = "redriven/", days = local.number[region].redriven_days }
        }
        noncurrent_days       = local.number[region].noncurrent_days
        multipart_upload_days = 2
        # Every action is refused, whoever asks: that is what the wildcard is for, and there is none in what is allowed.
        policy = jsonencode({
          Version = "2012-10-17"
          Statement = [for sid, condition in {
            OnlyOverTls   = { Bool = { "aws:SecureTransport" = "false" } }
            OnlyOverTls12 = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
            } : {
            Sid       = sid
            Effect    = "Deny"
            Principal = "*"
            Action    = "s3:*"
            Resource  = ["arn:${var.partition}:s3:::${local.buckets[region]}", "arn:${var.partition}:s3:::${local.buckets[region]}/*"]
            Condition = condition
          }]
        })
        # Only what arose here: two regions may be each other's replica, and nothing goes round in circles.
        replication = value.replica_bucket_arn == null ? null : {
          role_arn        = value.replication_role_arn
          bucket_arn      = value.replica_bucket_arn
          replica_key_arn = value.encryption == "kms" ? value.replica_key_arn : null
          rules = {
            landing  = { priority = 1, prefix = "landing/region=${region}/" }
            releases = { priority = 2, prefix = "releases/region=${region}/" }
          }
        }
      }

      # No role is a principal: a key outlives what it was made for, and a policy that names deleted roles cannot be repaired. The account's
      # own policies say who may use it, and this one that it is through S3, Firehose and the two log groups only.
      key = value.encryption != "kms" ? null : {
        description = "Transect ${var.name}: telemetry, stream and log groups in ${region}"
        policy = jsonencode({
          Version = "2012-10-17"
          Statement = [
            {
              Sid       = "AdministeredByTheAccount"
              Effect    = "Allow"
              Principal = { AWS = local.root }
              Action = [
                "kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation",
                "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
                "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
              ]
              Resource = "*"
            },
            {
              Sid       = "ObjectsThroughS3"
              Effect    = "Allow"
              Principal = { AWS = local.root }
              Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
              Resource  = "*"
              Condition = { StringLike = { "kms:ViaService" = "s3.${region}.*" } }
            },
            {
              # Firehose takes a grant for itself when whoever deploys makes the stream.
              Sid       = "StreamThroughFirehose"
              Effect    = "Allow"
              Principal = { AWS = local.root }
              Action    = "kms:CreateGrant"
              Resource  = "*"
              Condition = {
                StringLike = { "kms:ViaService" = "firehose.${region}.*" }
                Bool       = { "kms:GrantIsForAWSResource" = "true" }
              }
            },
            {
              Sid       = "OwnLogGroups"
              Effect    = "Allow"
              Principal = { Service = "logs.${region}.${local.dns_suffix}" }
              Action = [
                "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom", "kms:ReEncryptTo",
              ]
              Resource = "*"
              Condition = {
                ArnEquals = {
                  "kms:EncryptionContext:aws:logs:arn" = [for group in local.own_groups : "arn:${var.partition}:logs:${region}:${var.account_id}:log-group:${group}"]
                }
              }
            },
          ]
        })
      }

      glue = {
        database = local.text[region].glue_database
        table    = local.table
        location = "s3://${local.buckets[region]}/landing/"
        # Firehose drops what is not here without a word: the list is rendered from crates/schema.
        columns        = [for column in jsondecode(file("${path.module}/../../../generated/glue-columns.json")) : { name = column.Name, type = column.Type, comment = column.Comment }]
        partition_keys = ["region", "date", "hour"]
        # Athena computes partitions from their names: no crawler, no ADD PARTITION. The dates begin where those of
        # `transect schema --format ddl` do.
        parameters = {
          EXTERNAL                    = "TRUE"
          classification              = "parquet"
          "projection.enabled"        = "true"
          "projection.region.type"    = "enum"
          "projection.region.values"  = region
          "projection.date.type"      = "date"
          "projection.date.format"    = "yyyy-MM-dd"
          "projection.date.range"     = "2025-01-01,NOW+1DAYS"
          "projection.hour.type"      = "integer"
          "projection.hour.range"     = "0,23"
          "projection.hour.digits"    = "2"
          "storage.location.template" = "s3://${local.buckets[region]}/landing/region=$${region}/date=$${date}/hour=$${hour}/"
        }
      }

      log_groups = {
        forwarder      = local.forwarder_log_group
        stream         = local.stream_log_group
        retention_days = local.number[region].log_retention_days
      }

      firehose = {
        name           = var.name
        prefix         = "landing/region=${region}/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
        error_prefix   = "errors/region=${region}/!{firehose:error-output-type}/date=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
        buffer_mib     = local.number[region].buffer_mib
        buffer_seconds = local.number[region].buffer_seconds
        # Parquet has a codec of its own, and Firehose refuses a second one around it.
        compression         = "UNCOMPRESSED"
        parquet_compression = "SNAPPY"
        # The smallest that Firehose takes: a reader leaves out whole blocks, and needs memory for one.
        parquet_block_bytes = 67108864
        log_stream          = local.log_stream
        # IAM takes 38 letters before what it draws itself.
        role_name_prefix = "${substr(var.name, 0, 26)}-stream-"
        role_description = "Firehose stream ${var.name} in ${region}: reads one table, writes to one bucket"
        # Firehose gives the account it works for, so that no other account's stream can use this role.
        assume_role_policy = jsonencode({
          Version = "2012-10-17"
          Statement = [{
            Effect    = "Allow"
            Principal = { Service = "firehose.amazonaws.com" }
            Action    = "sts:AssumeRole"
            Condition = { StringEquals = { "sts:ExternalId" = var.account_id } }
          }]
        })
        statements = [
          {
            Effect   = "Allow"
            Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
            Resource = [for folder in ["landing", "errors"] : "arn:${var.partition}:s3:::${local.buckets[region]}/${folder}/region=${region}/*"]
          },
          {
            Effect   = "Allow"
            Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
            Resource = ["arn:${var.partition}:s3:::${local.buckets[region]}"]
          },
          {
            # Glue asks for the right to a table's catalog and database as well.
            Effect = "Allow"
            Action = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
            Resource = [for part in ["catalog", "database/${local.text[region].glue_database}", "table/${local.text[region].glue_database}/${local.table}"] :
              "arn:${var.partition}:glue:${region}:${var.account_id}:${part}"
            ]
          },
          {
            Effect   = "Allow"
            Action   = ["logs:PutLogEvents"]
            Resource = ["arn:${var.partition}:logs:${region}:${var.account_id}:log-group:${local.stream_log_group}:log-stream:${local.log_stream}"]
          },
        ]
        # With a key of our own, on that key and through S3 of this region only.
        key_actions = ["kms:Decrypt", "kms:GenerateDataKey"]
      }

      forwarder = {
        function = local.function
        alias    = local.alias
        # What a subscription delivers to.
        destination_arn = "arn:${var.partition}:lambda:${region}:${var.account_id}:function:${local.function}:${local.alias}"
        # The checksum is part of the function: other bytes under the same key are another version.
        description          = "CloudWatch Logs to Firehose ${var.name}; code ${local.text[region].code_sha256}"
        runtime              = "provided.al2023"
        handler              = "bootstrap"
        architecture         = local.text[region].architecture
        code_bucket          = "${local.text[region].code_bucket_prefix}-${region}"
        code_key             = local.text[region].code_key
        code_sha256          = local.text[region].code_sha256
        memory_mib           = local.number[region].memory_mib
        timeout_seconds      = 60
        reserved_concurrency = local.number[region].reserved_concurrency
        environment          = local.environment[region]
        role_name_prefix     = "${substr(var.name, 0, 26)}-forwarder-"
        role_description     = "Forwarder ${var.name} in ${region}: writes to one stream, its log group and the folder of undelivered events"
        assume_role_policy = jsonencode({
          Version   = "2012-10-17"
          Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
        })
        statements = [
          { Effect = "Allow", Action = ["firehose:PutRecordBatch"], Resource = ["arn:${var.partition}:firehose:${region}:${var.account_id}:deliverystream/${var.name}"] },
          { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:${var.partition}:logs:${region}:${var.account_id}:log-group:${local.forwarder_log_group}:*"] },
          # Lambda puts undelivered events below aws/lambda/async/ with this role, and takes the bucket as a destination only from a role that
          # may write anywhere in it: so the rest of the bucket is denied folder by folder.
          { Effect = "Allow", Action = ["s3:PutObject"], Resource = ["arn:${var.partition}:s3:::${local.buckets[region]}/*"] },
          { Effect = "Deny", Action = ["s3:PutObject"], Resource = [for folder in ["landing", "errors", "failed", "redriven", "releases"] : "arn:${var.partition}:s3:::${local.buckets[region]}/${folder}/*"] },
          { Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:${var.partition}:s3:::${local.buckets[region]}"] },
        ]
        key_actions = ["kms:GenerateDataKey"]
        # Lambda tries twice more, up to 6 h, then the bucket keeps the event.
        retries               = 2
        event_age_max_seconds = 21600
      }

      subscription = {
        # logs.amazonaws.com, and in China logs.amazonaws.com.cn.
        principal  = "logs.${local.dns_suffix}"
        source_arn = "arn:${var.partition}:logs:${region}:${var.account_id}:log-group:*"
        name       = var.name
        pattern    = local.text[region].filter_pattern
        policy = value.enabled != true || local.text[region].subscribe != "policy" ? null : {
          document = jsonencode({
            DestinationArn = "arn:${var.partition}:lambda:${region}:${var.account_id}:function:${local.function}:${local.alias}"
            FilterPattern  = local.text[region].filter_pattern
            Distribution   = "Random"
          })
          selection_criteria = local.selection[region]
        }
        groups = value.enabled == true && local.text[region].subscribe == "groups" ? local.list[region].log_groups : []
      }

      alarm_actions = local.topics[region] == "" ? [] : [local.topics[region]]
      alarms        = { for alarm, what in local.alarms : alarm => what if alarm != "silence" || value.silence_alarm == true && value.enabled == true && local.text[region].subscribe != "none" }

      dashboard = value.dashboard != true ? null : {
        # Dashboards are the account's, not a region's: the region is part of the name.
        name = "${var.name}-${region}"
        body = jsonencode({ widgets = [for index, widget in local.widgets : {
          type   = "metric"
          x      = index % 2 * 12
          y      = floor(index / 2) * 6
          width  = try(widget.width, 12)
          height = 6
          properties = {
            region  = region
            title   = widget.title
            stat    = widget.stat
            metrics = widget.metrics
          }
        }] })
      }
    }
  }
}
