# Three regions, one of them with smaller files. Replace the code's bucket, key and checksum by what `deploy/release/publish.sh upload` prints.
# It refuses to be a default: Terraform reads it only where it is named.
name = "transect"

settings = {
  code_bucket_prefix  = "acme-code"
  code_key            = "transect-forwarder/1.4.2/0000000000000000000000000000000000000000000000000000000000000000/transect-forwarder-x86_64.zip"
  code_sha256         = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  alarm_topic         = "on-call"
  excluded_log_groups = ["/aws/cloudtrail/data-events"]
}

regions = {
  us-east-2 = {}
  us-west-2 = {}
  eu-west-2 = { buffer_mib = 64, buffer_seconds = 120 }
}

tags = {
  application = "transect"
}
