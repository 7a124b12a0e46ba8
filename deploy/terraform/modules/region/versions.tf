# Version 6 of the provider has a `region` argument at every resource of a region: one module, one provider, for_each over regions.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
