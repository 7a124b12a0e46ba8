# What a region is made of. Everything is decided in modules/plan; here it becomes resources.

variable "region" {
  description = "The region."
  type        = string
  nullable    = false

  validation {
    condition     = var.region == var.plan.region
    error_message = "region: the plan is ${var.plan.region}'s, not ${var.region}'s."
  }
}

variable "plan" {
  description = "The region's element of modules/plan's output `regions`."
  # Its form is stated once, where it is made; tests/conformance/terraform_holds.sh holds what is read here to what is there.
  type     = any
  nullable = false
}
