# What the plan needs: Terraform alone. It refuses to name a provider, so that `terraform test` runs without a network or an account.
terraform {
  # Conditions that may look at more than their own variable, tests, and messages as they are relied upon here.
  required_version = ">= 1.9"
}
