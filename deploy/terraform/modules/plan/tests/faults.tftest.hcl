# Every setting that cannot be deployed is refused, in words, and nothing else is. Each region of a run has one fault; all of them come at
# once. `output.regions` fails whenever there is one.

variables {
  account_id = "123456789012"
  settings = {
    code_bucket_prefix = "acme-code"
    code_key           = "transect-forwarder/1.4.2/00ff/transect-forwarder-x86_64.zip"
    code_sha256        = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  regions = { us-east-2 = {} }
}

run "what_is_right_has_no_fault" {
  command = plan

  variables {
    regions = {
      us-east-2 = { buffer_mib = 64, buffer_seconds = 60, memory_mib = 3072, max_decoded_mib = 1024, sample_rate = 0.000001, reserved_concurrency = -1 }
      us-west-2 = { buffer_mib = "128", buffer_seconds = 900, memory_mib = 10240, max_decoded_mib = 1, sample_rate = 1, reserved_concurrency = 0 }
      eu-west-2 = { bucket_name = "acme-logs", alarm_topic = "arn:aws:sns:eu-west-2:123456789012:on-call", filter_pattern = "{ $.level = \"error\" }" }
      eu-west-1 = { redact_keys = [for number in range(64) : "key${number}"], log_groups = null, buffer_mib = null, enabled = false }
    }
  }

  assert {
    condition     = length(output.faults) == 0
    error_message = join("\n", output.faults)
  }
}

run "numbers_have_limits" {
  command = plan

  variables {
    regions = {
      af-south-1     = { buffer_mib = 63 }
      ap-east-1      = { buffer_mib = 129 }
      ap-northeast-1 = { buffer_mib = 64.5 }
      ap-northeast-2 = { buffer_mib = "many" }
      ap-northeast-3 = { buffer_seconds = 59 }
      ap-south-1     = { buffer_seconds = 901 }
      ap-south-2     = { memory_mib = 255 }
      ap-southeast-1 = { memory_mib = 10241 }
      ap-southeast-2 = { reserved_concurrency = -2 }
      ap-southeast-3 = { max_decoded_mib = 0 }
      ap-southeast-4 = { max_decoded_mib = 1025, memory_mib = 10240 }
      ca-central-1   = { sample_rate = 0 }
      eu-central-1   = { sample_rate = 1.1 }
      eu-central-2   = { landing_days = 0 }
      eu-north-1     = { errors_days = 0 }
      eu-south-1     = { failed_days = 0 }
      eu-south-2     = { redriven_days = 1.5 }
      eu-west-1      = { noncurrent_days = [] }
    }
  }

  expect_failures = [output.regions]

  assert {
    condition = join("\n", output.faults) == join("\n", [
      "af-south-1: buffer_mib is 63; it takes a whole number from 64 to 128 (MiB, what Firehose takes where it writes Parquet)",
      "ap-east-1: buffer_mib is 129; it takes a whole number from 64 to 128 (MiB, what Firehose takes where it writes Parquet)",
      "ap-northeast-1: buffer_mib is 64.5; it takes a whole number from 64 to 128 (MiB, what Firehose takes where it writes Parquet)",
      "ap-northeast-2: buffer_mib is \"many\"; it takes a whole number from 64 to 128 (MiB, what Firehose takes where it writes Parquet)",
      "ap-northeast-3: buffer_seconds is 59; it takes a whole number from 60 to 900 (seconds, what Firehose takes)",
      "ap-south-1: buffer_seconds is 901; it takes a whole number from 60 to 900 (seconds, what Firehose takes)",
      "ap-south-2: memory_mib is 255; it takes a whole number from 256 to 10240 (MiB, from what the forwarder needs to what Lambda has)",
      "ap-southeast-1: memory_mib is 10241; it takes a whole number from 256 to 10240 (MiB, from what the forwarder needs to what Lambda has)",
      "ap-southeast-2: reserved_concurrency is -2; it takes a whole number from -1 to 100000 (-1 reserves nothing, 0 stops the forwarder)",
      "ap-southeast-3: max_decoded_mib is 0; it takes a whole number from 1 to 1024 (MiB, what the forwarder takes)",
      "ap-southeast-4: max_decoded_mib is 1025; it takes a whole number from 1 to 1024 (MiB, what the forwarder takes)",
      "ca-central-1: sample_rate is 0; it takes a number from 0.000001 to 1 (a share above 0 and up to 1)",
      "eu-central-1: sample_rate is 1.1; it takes a number from 0.000001 to 1 (a share above 0 and up to 1)",
      "eu-central-2: landing_days is 0; it takes a whole number from 1 to 36500 (days)",
      "eu-north-1: errors_days is 0; it takes a whole number from 1 to 36500 (days)",
      "eu-south-1: failed_days is 0; it takes a whole number from 1 to 36500 (days)",
      "eu-south-2: redriven_days is 1.5; it takes a whole number from 1 to 36500 (days)",
      "eu-west-1: noncurrent_days is []; it takes a whole number from 1 to 36500 (days)",
    ])
    error_message = join("\n", output.faults)
  }
}

run "choices_are_few" {
  command = plan

  variables {
    regions = {
      af-south-1     = { architecture = "arm" }
      ap-east-1      = { subscribe = "all" }
      ap-northeast-1 = { redact = "yes" }
      ap-northeast-2 = { min_severity = "loud" }
      ap-northeast-3 = { encryption = "none" }
      ap-south-1     = { enabled = "false" }
      ap-south-2     = { silence_alarm = "no" }
      ap-southeast-1 = { dashboard = 1 }
      ap-southeast-2 = { log_retention_days = 31 }
    }
  }

  expect_failures = [output.regions]

  assert {
    condition = join("\n", output.faults) == join("\n", [
      "af-south-1: architecture is \"arm\"; it takes \"x86_64\", \"arm64\"",
      "ap-east-1: subscribe is \"all\"; it takes \"policy\", \"groups\", \"none\"",
      "ap-northeast-1: redact is \"yes\"; it takes \"on\", \"off\"",
      "ap-northeast-2: min_severity is \"loud\"; it takes \"none\", \"trace\", \"debug\", \"info\", \"warn\", \"error\", \"fatal\"",
      "ap-northeast-3: encryption is \"none\"; it takes \"s3\", \"kms\"",
      "ap-south-1: enabled is \"false\"; it takes true, false",
      "ap-south-2: silence_alarm is \"no\"; it takes true, false",
      "ap-southeast-1: dashboard is 1; it takes true, false",
      "ap-southeast-2: log_retention_days is 31; it takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731",
    ])
    error_message = join("\n", output.faults)
  }
}

run "texts_have_forms" {
  command = plan

  variables {
    regions = {
      af-south-1     = { code_bucket_prefix = "Acme" }
      ap-east-1      = { code_key = "" }
      ap-northeast-1 = { code_sha256 = "00ff" }
      ap-northeast-2 = { bucket_name = "Acme_Logs" }
      ap-northeast-3 = { glue_database = "acme-logs" }
      ap-south-1     = { filter_pattern = join("", [for number in range(513) : "xx"]) }
      ap-south-2     = { alarm_topic = "on call" }
      ap-southeast-1 = { replica_bucket_arn = "acme", replication_role_arn = "arn:aws:iam::123456789012:role/copy" }
      ap-southeast-2 = { replication_role_arn = "copy" }
      ap-southeast-3 = { replica_key_arn = "key" }
      ap-southeast-4 = { redact_keys = ["a,b"] }
      ca-central-1   = { correlation_keys = [for number in range(65) : "key${number}"] }
      eu-central-1   = { release_keys = "build" }
      eu-central-2   = { log_groups = ["/aws/lambda/a b"] }
      eu-north-1     = { excluded_log_groups = [""] }
    }
  }

  expect_failures = [output.regions]

  assert {
    condition = join("\n", [for fault in output.faults : replace(fault, "/x{9,}/", "x…x")]) == join("\n", [
      "af-south-1: code_bucket_prefix is \"Acme\"; it takes what names of buckets begin with, without -REGION",
      "ap-east-1: code_key is \"\"; it takes the key of the zip: transect-forwarder/RELEASE/SHA256/transect-forwarder-ARCHITECTURE.zip",
      "ap-northeast-1: code_sha256 is \"00ff\"; it takes SHA-256 in base64, as `publish.sh upload` prints it",
      "ap-northeast-2: bucket_name is \"Acme_Logs\"; it takes 3 to 63 lower-case letters, digits and -",
      "ap-northeast-3: glue_database is \"acme-logs\"; it takes lower-case letters, digits and _",
      "ap-south-1: filter_pattern is \"x…x\"; it takes at most 1,024 characters, what CloudWatch Logs takes",
      "ap-south-2: alarm_topic is \"on call\"; it takes the name or the ARN of an SNS topic",
      "ap-southeast-1: replica_bucket_arn is \"acme\"; it takes the ARN of a bucket",
      "ap-southeast-2: replication_role_arn is \"copy\"; it takes the ARN of a role",
      "ap-southeast-3: replica_key_arn is \"key\"; it takes the ARN of a KMS key",
      "ap-southeast-4: redact_keys is [\"a,b\"]; it takes a list of up to 64: names without commas, up to 64 letters",
      "ca-central-1: correlation_keys is ${jsonencode([for number in range(65) : "key${number}"])}; it takes a list of up to 64: names without commas, up to 64 letters",
      "eu-central-1: release_keys is \"build\"; it takes a list of up to 64: names without commas, up to 64 letters",
      "eu-central-2: log_groups is [\"/aws/lambda/a b\"]; it takes a list of up to 1000: names of log groups",
      "eu-north-1: excluded_log_groups is [\"\"]; it takes a list of up to 1000: names of log groups",
    ])
    error_message = join("\n", output.faults)
  }
}

run "settings_must_fit_each_other" {
  command = plan

  variables {
    regions = {
      moon           = {}
      cn-north-1     = {}
      us-gov-east-1  = {}
      ap-northeast-1 = { bucket_name = "acme-logs" }
      ap-northeast-2 = { bucket_name = "acme-logs" }
      ap-northeast-3 = { code_bucket_prefix = "acme-code-acme-code-acme-code-acme-code-acme-code" }
      ap-south-1     = { architecture = "arm64" }
      ap-south-2     = { memory_mib = 256, max_decoded_mib = 86 }
      ap-southeast-1 = { subscribe = "groups" }
      ap-southeast-2 = { subscribe = "groups", log_groups = ["/aws/lambda/cart", "/aws/lambda/transect-forwarder"] }
      ap-southeast-3 = { subscribe = "groups", log_groups = ["/aws/lambda/cart", "/aws/lambda/cart"] }
      ap-southeast-7 = { subscribe = "groups", log_groups = ["/aws/lambda/blue-forwarder", "/aws/lambda/cart"], other_names = ["blue"] }
      ap-southeast-4 = { excluded_log_groups = [for number in range(60) : join("", [for digit in range(107) : "${number + 1000}"])] }
      ca-central-1   = { redact_keys = [for number in range(64) : join("", [for digit in range(16) : "${number + 1000}"])] }
      eu-central-1   = { replica_bucket_arn = "arn:aws:s3:::elsewhere" }
      eu-central-2   = { replica_bucket_arn = "arn:aws:s3:::elsewhere", replication_role_arn = "arn:aws:iam::123456789012:role/copy", encryption = "kms" }
      eu-north-1     = { replica_bucket_arn = "arn:aws:s3:::transect-telemetry-123456789012-eu-north-1", replication_role_arn = "arn:aws:iam::123456789012:role/copy" }
    }
  }

  expect_failures = [output.regions]

  assert {
    condition = join("\n", output.faults) == join("\n", [
      "ap-northeast-1: its bucket acme-logs is another region's, too: bucket_name belongs to a region, not to var.settings",
      "ap-northeast-2: its bucket acme-logs is another region's, too: bucket_name belongs to a region, not to var.settings",
      "ap-northeast-3: the code would be in bucket acme-code-acme-code-acme-code-acme-code-acme-code-ap-northeast-3, and names of buckets end at 63: shorten code_bucket_prefix",
      "ap-south-1: code_key is a zip for another architecture than arm64: transect-forwarder/1.4.2/00ff/transect-forwarder-x86_64.zip",
      "ap-south-2: memory_mib is 256; payloads of 86 MiB (max_decoded_mib) need three times as much",
      "ap-southeast-1: subscribe is \"groups\" and log_groups names none",
      "ap-southeast-2: log_groups holds a group that the deployment writes itself, so that every event would bring the next: /aws/lambda/transect-forwarder, /aws/kinesisfirehose/transect stay out",
      "ap-southeast-3: log_groups names a group twice",
      "ap-southeast-4: excluded_log_groups makes selection criteria of 25946 bytes, and CloudWatch Logs takes 25,600",
      "ap-southeast-7: log_groups holds a group that another deployment writes, so that the two would feed each other: /aws/lambda/blue-forwarder, /aws/kinesisfirehose/blue stay out",
      "ca-central-1: the forwarder's environment is larger than Lambda's 4 KB: shorten redact_keys, redact_patterns, correlation_keys or release_keys",
      "cn-north-1: is in the partition aws-cn, and this deployment in aws: each partition has accounts of its own",
      "eu-central-1: replica_bucket_arn needs replication_role_arn, a role that S3 copies with",
      "eu-central-2: replica_bucket_arn and encryption = \"kms\" need replica_key_arn",
      "eu-north-1: replica_bucket_arn is the region's own bucket",
      "moon: is no region",
      "us-gov-east-1: is in the partition aws-us-gov, and this deployment in aws: each partition has accounts of its own",
    ])
    error_message = join("\n", output.faults)
  }
}

run "a_name_may_be_too_long_for_a_bucket" {
  command = plan

  variables {
    name = "acme-telemetry-of-everything"
    regions = {
      ap-southeast-1 = {}
      us-east-2      = { bucket_name = "acme" }
    }
  }

  expect_failures = [output.regions]

  assert {
    condition     = join("\n", output.faults) == "ap-southeast-1: the bucket would be called acme-telemetry-of-everything-telemetry-123456789012-ap-southeast-1, and names of buckets end at 63: give bucket_name, or a shorter name"
    error_message = join("\n", output.faults)
  }
}

run "what_is_misspelt_is_no_default" {
  command = plan

  variables {
    settings = {
      code_bucket_prefix = "acme-code"
      code_key           = "key"
      code_sha256        = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      bufer_mib          = 64
    }
    regions = { us-east-2 = { landingdays = 7 } }
  }

  expect_failures = [output.regions]

  assert {
    condition     = length(output.faults) == 2 && startswith(output.faults[0], "settings: there is no bufer_mib; there are alarm_topic, ") && startswith(output.faults[1], "us-east-2: there is no setting landingdays; ")
    error_message = join("\n", output.faults)
  }
}

run "the_code_has_no_default" {
  command = plan

  variables {
    settings = {}
  }

  expect_failures = [output.regions]

  assert {
    condition     = [for fault in output.faults : split(" ", fault)[1]] == ["code_bucket_prefix", "code_key", "code_sha256"]
    error_message = join("\n", output.faults)
  }
}

run "the_name_is_a_name" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "Acme"
  }
}

run "the_name_has_32_letters_at_most" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "acme-telemetry-of-everything-ever"
  }
}

run "the_account_has_twelve_digits" {
  command         = plan
  expect_failures = [var.account_id]

  variables {
    account_id = "12345678901"
  }
}

run "the_partition_is_known" {
  command         = plan
  expect_failures = [var.partition]

  variables {
    partition = "gcp"
  }
}

run "settings_are_an_object" {
  command         = plan
  expect_failures = [var.settings]

  variables {
    settings = "buffer_mib"
  }
}

run "there_is_a_region" {
  command         = plan
  expect_failures = [var.regions]

  variables {
    regions = {}
  }
}

run "a_region_has_an_object" {
  command         = plan
  expect_failures = [var.regions]

  variables {
    regions = { us-east-2 = "yes" }
  }
}
