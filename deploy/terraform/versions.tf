# Version 6 of the provider has a `region` argument at every resource of a region. Where state is kept is yours to say: a `backend` block in
# a file beside this one. There is no .terraform.lock.hcl here, because it is made from the registry's checksums, and where this was written
# no registry could be reached: `terraform init` makes it, `terraform providers lock -platform=…` adds the platforms that you run it on, and it
# belongs into your repository.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
