# Every setting of a region, once: its default and what it may be. They are the parameters of deploy/cfn/region.yaml, with the same
# defaults and limits. Missing here is `Revision`: Terraform publishes a version of the forwarder whenever its code or configuration
# changes, and needs no hint.
locals {
  defaults = {
    # The forwarder's code: buckets are called code_bucket_prefix-REGION, because Lambda takes code only from a bucket of its own region.
    # `deploy/release/publish.sh upload` puts it there and prints key and checksum.
    code_bucket_prefix = null
    code_key           = null
    code_sha256        = null # base64, as Lambda writes it
    architecture       = "x86_64"

    # What is forwarded. enabled = false takes the subscription away and leaves the rest; `transect backfill` brings in what came
    # meanwhile. subscribe: "policy" (every log group of account and region, also those to come), "groups" (those of log_groups) or
    # "none" (`transect subscribe --apply` puts filters, and keeps them right).
    enabled             = true
    subscribe           = "policy"
    log_groups          = []
    excluded_log_groups = [] # subscribe = "policy": those, too, of functions that the deployment's own groups are forwarded to
    other_names         = [] # every other deployment in this region, or the two feed each other for ever; log_groups names none of theirs
    filter_pattern      = ""

    # How it is read: the forwarder's environment.
    redact           = "on"
    redact_keys      = []
    redact_patterns  = []
    correlation_keys = []
    release_keys     = []
    min_severity     = "none"
    sample_rate      = 1
    max_decoded_mib  = 64

    # How much at a time. reserved_concurrency: -1 reserves nothing; 0 stops the forwarder, and Lambda hands every event to the bucket at
    # once, for `transect redrive`.
    memory_mib           = 512
    reserved_concurrency = 50
    buffer_mib           = 128
    buffer_seconds       = 300

    # What is kept. encryption: "s3" (keys of the services themselves) or "kms" (one key a region, for bucket, stream and log groups).
    bucket_name        = null # NAME-telemetry-ACCOUNT-REGION
    glue_database      = "transect"
    encryption         = "s3"
    landing_days       = 400
    errors_days        = 90
    failed_days        = 90
    redriven_days      = 30
    noncurrent_days    = 7
    log_retention_days = 30

    # A replica of landing/ and releases/ in a bucket of another region; the role is ReplicationRole of deploy/cfn/global.yaml.
    replica_bucket_arn   = null
    replication_role_arn = null
    replica_key_arn      = null

    # Who is told: an SNS topic by ARN, or by its name in this account and region. silence_alarm: an hour without an event is an alarm,
    # unless enabled is false or subscribe is "none".
    alarm_topic   = null
    silence_alarm = true
    dashboard     = true
  }

  # Numbers: at least, at most, whole, and why.
  numbers = {
    # Firehose refuses less than 64 MB where it converts to Parquet, and takes at most 128.
    buffer_mib     = { min = 64, max = 128, whole = true, why = "MiB, what Firehose takes where it writes Parquet" }
    buffer_seconds = { min = 60, max = 900, whole = true, why = "seconds, what Firehose takes" }
    # A payload of 64 MiB decoded takes 160 MB at its peak.
    memory_mib           = { min = 256, max = 10240, whole = true, why = "MiB, from what the forwarder needs to what Lambda has" }
    reserved_concurrency = { min = -1, max = 100000, whole = true, why = "-1 reserves nothing, 0 stops the forwarder" }
    max_decoded_mib      = { min = 1, max = 1024, whole = true, why = "MiB, what the forwarder takes" }
    sample_rate          = { min = 0.000001, max = 1, whole = false, why = "a share above 0 and up to 1" }
    landing_days         = { min = 1, max = 36500, whole = true, why = "days" }
    errors_days          = { min = 1, max = 36500, whole = true, why = "days" }
    failed_days          = { min = 1, max = 36500, whole = true, why = "days" }
    redriven_days        = { min = 1, max = 36500, whole = true, why = "days" }
    noncurrent_days      = { min = 1, max = 36500, whole = true, why = "days" }
  }

  # One of a few. Retention is what CloudWatch Logs takes, up to two years: nobody reads an older log of a forwarder.
  choices = {
    architecture       = ["x86_64", "arm64"]
    subscribe          = ["policy", "groups", "none"]
    redact             = ["on", "off"]
    min_severity       = ["none", "trace", "debug", "info", "warn", "error", "fatal"]
    encryption         = ["s3", "kms"]
    enabled            = [true, false]
    silence_alarm      = [true, false]
    dashboard          = [true, false]
    log_retention_days = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]
  }

  # Texts of a form. Those that may be absent are in `absent`.
  forms = {
    code_bucket_prefix   = { form = "^[a-z0-9][a-z0-9.-]{1,48}$", why = "what names of buckets begin with, without -REGION" }
    code_key             = { form = "^.+$", why = "the key of the zip: transect-forwarder/RELEASE/SHA256/transect-forwarder-ARCHITECTURE.zip" }
    code_sha256          = { form = "^[A-Za-z0-9+/]{43}=$", why = "SHA-256 in base64, as `publish.sh upload` prints it" }
    bucket_name          = { form = "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", why = "3 to 63 lower-case letters, digits and -" }
    glue_database        = { form = "^[a-z0-9_]{1,255}$", why = "lower-case letters, digits and _" }
    replica_bucket_arn   = { form = "^arn:[^:]+:s3:::.+$", why = "the ARN of a bucket" }
    replication_role_arn = { form = "^arn:[^:]+:iam::[0-9]{12}:role/.+$", why = "the ARN of a role" }
    replica_key_arn      = { form = "^arn:[^:]+:kms:.+$", why = "the ARN of a KMS key" }
    alarm_topic          = { form = "^(arn:[^:]+:sns:.+|[A-Za-z0-9_-]{1,256})$", why = "the name or the ARN of an SNS topic" }
  }
  absent = ["bucket_name", "replica_bucket_arn", "replication_role_arn", "replica_key_arn", "alarm_topic"]

  # Texts of any form, and how long they may be: Terraform's expressions count to 1,000 only.
  lengths = {
    filter_pattern = { max = 1024, why = "at most 1,024 characters, what CloudWatch Logs takes" }
  }

  # Lists of texts. The forwarder takes 64 keys of 64 bytes (it refuses what is longer in bytes); CloudWatch Logs says what a log group may be called.
  lists = {
    redact_keys         = { form = "^[^,]{1,64}$", max = 64, why = "names without commas, up to 64 letters" }
    redact_patterns     = { form = "^[^ ]{3,256}$", max = 32, why = "patterns without blanks, up to 256 letters" }
    correlation_keys    = { form = "^[^,]{1,64}$", max = 64, why = "names without commas, up to 64 letters" }
    release_keys        = { form = "^[^,]{1,64}$", max = 64, why = "names without commas, up to 64 letters" }
    log_groups          = { form = "^[-._/#A-Za-z0-9]{1,512}$", max = 1000, why = "names of log groups" }
    excluded_log_groups = { form = "^[-._/#A-Za-z0-9]{1,512}$", max = 1000, why = "names of log groups" }
    other_names         = { form = "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", max = 100, why = "names of deployments" }
  }

  # What the first part of a region's name says of its partition; whatever is not here is in `aws`.
  partition_of = {
    cn      = "aws-cn"
    us-gov  = "aws-us-gov"
    us-iso  = "aws-iso"
    us-isob = "aws-iso-b"
    eu-isoe = "aws-iso-e"
    us-isof = "aws-iso-f"
    eusc    = "aws-eusc"
  }

  # How the names of services end in each: as a principal, CloudWatch Logs has the partition's name.
  dns_suffixes = {
    aws        = "amazonaws.com"
    aws-cn     = "amazonaws.com.cn"
    aws-us-gov = "amazonaws.com"
    aws-iso    = "c2s.ic.gov"
    aws-iso-b  = "sc2s.sgov.gov"
    aws-iso-e  = "cloud.adc-e.uk"
    aws-iso-f  = "csp.hci.ic.gov"
    aws-eusc   = "amazonaws.eu"
  }
}
