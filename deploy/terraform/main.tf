# Transect in every region of one account, by Terraform: what deploy/cfn/region.yaml is for CloudFormation and its StackSets. Use one of
# the two in a region, not both.
#
#   terraform init
#   terraform apply -var-file=example.tfvars
#
# Where things are: modules/plan decides everything and needs no provider, so that `terraform test` in it runs without an account;
# modules/region turns the decisions of one region into resources; this file joins them over all regions. Roles for people and for
# replication are deploy/cfn/global.yaml's, fault injection is deploy/cfn/chaos.yaml's.
#
# What to know before it is used:
#   - A plan asks every region. Where one is lost, the others are still planned by `-target='module.region["us-west-2"]'`; where regions must
#     never wait for each other, give each a state of its own (the same files, `regions` with one element).
#   - A new release is a new code_key and code_sha256. The alias follows the newest version with these bytes; one that
#     `publish.sh deploy-version` published beside is noticed and refused until the settings name its release.
#   - Bucket and key are protected: to give a region up, take them out of the state first,
#     `terraform state rm 'module.region["us-west-2"].aws_s3_bucket.telemetry'`, and the key likewise.
#   - A first apply in a new region may meet IAM before a new role is known everywhere: apply again.
#
# What is known of it: modules/plan is tested and held to region.yaml (tests/conformance/terraform_holds.sh). Nothing here has met an AWS
# account or the real provider yet: where it is tested the provider cannot be had. Once, this file and modules/region were validated and planned
# against the schema of provider 6.25, as the bindings of CDK for Terraform state it, with every call mocked; modules/region/tests does the
# same with the provider itself where there is a registry.

provider "aws" {
  # Every resource names its own region; this one is asked for what is global.
  region = try(sort(keys(var.regions))[0], null)

  default_tags {
    tags = var.tags
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

module "plan" {
  source = "./modules/plan"

  name       = var.name
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  settings   = var.settings
  regions    = var.regions
}

module "region" {
  source   = "./modules/region"
  for_each = module.plan.regions

  region = each.key
  plan   = each.value
}
