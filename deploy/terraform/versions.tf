# Version 6 of the provider has a `region` argument at every resource of a region. Where state is kept is yours to say: a `backend` block in
# a file beside this one.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
