# What the plan comes to. `regions` is refused as a whole while anything is wrong; `faults` says what, one line each.

output "faults" {
  description = "What is wrong with the settings, with region and setting; empty if they can be deployed."
  value       = local.faults
}

output "regions" {
  description = "For each region what modules/region makes resources of."
  value       = local.regions

  precondition {
    condition     = length(local.faults) == 0
    error_message = "These settings cannot be deployed, and nothing was changed:\n  ${join("\n  ", local.faults)}"
  }
}

output "transect_toml" {
  description = "The regions for transect.toml."
  value       = local.transect_toml
}
