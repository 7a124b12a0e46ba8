# What a plan is made of. Both maps are taken as they come and checked as a whole in faults.tf: Terraform drops an attribute of an object
# that it does not know without a word, and a misspelt setting must not become a default.

variable "name" {
  description = "Name of the deployment, the same in every region; every name is made of it."
  type        = string
  default     = "transect"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.name))
    error_message = "name: 1 to 32 lower-case letters, digits and -, a letter first: \"${var.name}\" is not."
  }
}

variable "account_id" {
  description = "The account of all regions, by its twelve digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: twelve digits, with quotes around them so that a leading zero stays: \"${var.account_id}\" is not."
  }
}

variable "partition" {
  description = "The partition of all regions: aws, aws-cn, aws-us-gov, …"
  type        = string
  default     = "aws"
  nullable    = false

  validation {
    condition     = contains(keys(local.dns_suffixes), var.partition)
    error_message = "partition: one of ${join(", ", keys(local.dns_suffixes))}: \"${var.partition}\" is not."
  }
}

variable "settings" {
  description = "What differs from the defaults of settings.tf in every region."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.settings))
    error_message = "settings: an object, {buffer_mib = 64} for example."
  }
}

variable "regions" {
  description = "The regions, and what differs in each from var.settings: {us-east-2 = {}, eu-west-2 = {buffer_mib = 64}}."
  type        = any
  nullable    = false

  validation {
    condition     = can([for region, own in var.regions : keys(own)]) && try(length(keys(var.regions)) > 0, false)
    error_message = "regions: an object of one region or more, each with an object of what differs there: {us-east-2 = {}} at least."
  }
}
