# What is wrong with the settings, all of it at once, each fault with its region and setting. It refuses to correct anything: whoever
# wrote a value that cannot be deployed has to read why. Firehose, Lambda and CloudWatch Logs would say it later, some of them after half
# of a region has been made; what they say stands in settings.tf.
locals {
  # A setting that is null is one that is not given.
  shared = { for name, value in var.settings : name => value if value != null }
  effective = {
    for region, own in var.regions : region => merge(local.defaults, local.shared, { for name, value in own : name => value if value != null })
  }

  # The same as texts, numbers and lists of texts, whatever was given: what has no such form is judged below, and must not end the
  # judging.
  text   = { for region, value in local.effective : region => { for name, one in value : name => try(one == null ? "" : tostring(one), "") } }
  number = { for region, value in local.effective : region => { for name, one in value : name => try(tonumber(one), null) } }
  list   = { for region, value in local.effective : region => { for name, one in value : name => try([for part in tolist(one) : tostring(part) if part != null], []) } }

  unknown = concat(
    [for name in keys(var.settings) : "settings: there is no ${name}; there are ${join(", ", keys(local.defaults))}" if !contains(keys(local.defaults), name)],
    flatten([for region, own in var.regions : [
      for name in keys(own) : "${region}: there is no setting ${name}; there are ${join(", ", keys(local.defaults))}" if !contains(keys(local.defaults), name)
    ]]),
  )

  # Each setting by itself.
  values = flatten([for region, value in local.effective : concat(
    [for name, limit in local.numbers : "${region}: ${name} is ${jsonencode(value[name])}; it takes ${limit.whole ? "a whole number" : "a number"} from ${limit.min} to ${limit.max} (${limit.why})"
    if !try(tonumber(value[name]) >= limit.min && tonumber(value[name]) <= limit.max && (!limit.whole || floor(tonumber(value[name])) == tonumber(value[name])), false)],
    [for name, choice in local.choices : "${region}: ${name} is ${jsonencode(value[name])}; it takes ${join(", ", [for one in choice : jsonencode(one)])}"
    if !try(contains(choice, value[name]), false)],
    [for name, form in local.forms : "${region}: ${name} is ${jsonencode(value[name])}; it takes ${form.why}"
    if !(value[name] == null && contains(local.absent, name)) && !can(regex(form.form, value[name]))],
    [for name, text in local.lengths : "${region}: ${name} is ${jsonencode(value[name])}; it takes ${text.why}"
    if !try(length(tostring(value[name])) <= text.max, false)],
    [for name, list in local.lists : "${region}: ${name} is ${jsonencode(value[name])}; it takes a list of up to ${list.max}: ${list.why}"
    if !try(length(tolist(value[name])) <= list.max && alltrue([for one in value[name] : can(regex(list.form, one))]), false)],
  )])

  # Settings with each other, and with where they are. A setting that is wrong by itself is not judged twice.
  together = flatten([for region, value in local.effective : [for fault in [
    {
      is  = !can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", region))
      why = "is no region"
    },
    {
      is  = can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", region)) && local.in_partition[region] != var.partition
      why = "is in the partition ${local.in_partition[region]}, and this deployment in ${var.partition}: each partition has accounts of its own"
    },
    {
      is  = value.bucket_name == null && length(local.buckets[region]) > 63
      why = "the bucket would be called ${local.buckets[region]}, and names of buckets end at 63: give bucket_name, or a shorter name"
    },
    {
      is  = length([for other, bucket in local.buckets : other if bucket == local.buckets[region]]) > 1
      why = "its bucket ${local.buckets[region]} is another region's, too: bucket_name belongs to a region, not to var.settings"
    },
    {
      is  = local.text[region].code_bucket_prefix != "" && length("${local.text[region].code_bucket_prefix}-${region}") > 63
      why = "the code would be in bucket ${local.text[region].code_bucket_prefix}-${region}, and names of buckets end at 63: shorten code_bucket_prefix"
    },
    {
      is = alltrue([
        contains(local.choices.architecture, local.text[region].architecture),
        can(regex("transect-forwarder-[a-z0-9_]+[.]zip$", local.text[region].code_key)),
        !endswith(local.text[region].code_key, "transect-forwarder-${local.text[region].architecture}.zip"),
      ])
      why = "code_key is a zip for another architecture than ${local.text[region].architecture}: ${local.text[region].code_key}"
    },
    {
      is  = try(local.number[region].memory_mib < 3 * local.number[region].max_decoded_mib, false)
      why = "memory_mib is ${local.text[region].memory_mib}; payloads of ${local.text[region].max_decoded_mib} MiB (max_decoded_mib) need three times as much"
    },
    {
      is  = local.text[region].subscribe == "groups" && try(length(value.log_groups) == 0, false)
      why = "subscribe is \"groups\" and log_groups names none"
    },
    {
      is  = length(setintersection(local.list[region].log_groups, local.own_groups)) > 0
      why = "log_groups holds a group that the deployment writes itself, so that every event would bring the next: ${join(", ", local.own_groups)} stay out"
    },
    {
      is  = length(setintersection(local.list[region].log_groups, local.groups_of_others[region])) > 0
      why = "log_groups holds a group that another deployment writes, so that the two would feed each other: ${join(", ", local.groups_of_others[region])} stay out"
    },
    {
      is  = length(distinct(local.list[region].log_groups)) < length(local.list[region].log_groups)
      why = "log_groups names a group twice"
    },
    {
      is  = length(local.selection[region]) > 25600
      why = "excluded_log_groups makes selection criteria of ${length(local.selection[region])} bytes, and CloudWatch Logs takes 25,600"
    },
    {
      is  = sum([for name, text in local.environment[region] : length(name) + length(text)]) > 4096
      why = "the forwarder's environment is larger than Lambda's 4 KB: shorten redact_keys, redact_patterns, correlation_keys or release_keys"
    },
    {
      is  = value.replica_bucket_arn != null && value.replication_role_arn == null
      why = "replica_bucket_arn needs replication_role_arn, a role that S3 copies with"
    },
    {
      is  = value.replica_bucket_arn != null && value.encryption == "kms" && value.replica_key_arn == null
      why = "replica_bucket_arn and encryption = \"kms\" need replica_key_arn"
    },
    {
      is  = value.replica_bucket_arn != null && value.replica_bucket_arn == "arn:${var.partition}:s3:::${local.buckets[region]}"
      why = "replica_bucket_arn is the region's own bucket"
    },
  ] : "${region}: ${fault.why}" if fault.is]])

  faults = concat(local.unknown, local.values, local.together)
}
