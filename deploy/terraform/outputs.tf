# What the deployment is to those who use it.

output "transect_toml" {
  description = "The regions for transect.toml: `terraform output -raw transect_toml > transect.toml`."
  value       = module.plan.transect_toml
}

output "regions" {
  description = "For each region its bucket, forwarder, stream, table and key."
  value       = module.region
}
