# What is asked for. modules/plan/settings.tf has all settings with their defaults and limits, and refuses what it does not know.

variable "name" {
  description = "Name of the deployment, the same in every region."
  type        = string
  default     = "transect"
}

variable "settings" {
  description = "What differs from the defaults in every region: an object with the settings of modules/plan/settings.tf. The code of the forwarder has no default."
  type        = any
  default     = {}
}

variable "regions" {
  description = "The regions, and what differs in each: {us-east-2 = {}, eu-west-2 = {buffer_mib = 64}}."
  type        = any
}

variable "tags" {
  description = "Tags of everything that takes tags."
  type        = map(string)
  default     = {}
}
