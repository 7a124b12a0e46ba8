# What others need of a region: the command line, chaos.yaml, a second region's replica.

output "bucket_arn" {
  description = "Bucket of this region's lake."
  value       = aws_s3_bucket.telemetry.arn
}

output "url" {
  description = "URL of this region's lake."
  value       = var.plan.bucket.url
}

output "alias_arn" {
  description = "Where subscriptions deliver to."
  value       = aws_lambda_alias.live.arn
}

output "version" {
  description = "Version of the forwarder that the alias has."
  value       = aws_lambda_alias.live.function_version
}

output "delivery_stream_arn" {
  description = "The Firehose stream."
  value       = aws_kinesis_firehose_delivery_stream.telemetry.arn
}

output "glue_table" {
  description = "Table for Athena."
  value       = "${aws_glue_catalog_table.telemetry.database_name}.${aws_glue_catalog_table.telemetry.name}"
}

output "forwarder_role_name" {
  description = "Parameter ForwarderRoleName of deploy/cfn/chaos.yaml."
  value       = aws_iam_role.forwarder.name
}

output "key_arn" {
  description = "Key that readers of the lake need kms:Decrypt on; null if there is none."
  value       = one(aws_kms_key.telemetry[*].arn)
}
