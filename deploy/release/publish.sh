#!/usr/bin/env bash
# Publishes a release of the forwarder: the zips that build.sh made, the same bytes in every region, and the map that says
# which version of the function they became where. Every step may be run again; what is done stays done.
#
# Usage: deploy/release/publish.sh STEP --release R --region REGION… [OPTION…]
#
#   upload           puts each zip into the bucket PREFIX-REGION of every region, as
#                    transect-forwarder/RELEASE/SHA256/transect-forwarder-ARCHITECTURE.zip, and prints what the templates take
#   deploy-version   updates the function's code from there, publishes a version of it in every region, and then does `map`
#   map              finds the version that has these bytes in every region, and merges it into the release map:
#                    {RELEASE: {REGION: {FUNCTION: {"version": "7", "codeSha256": "…"}}}}
#
# After `upload`, give the templates (deploy/cfn, deploy/terraform) the key and checksum that it prints, then run `map`: they publish the
# version and point the alias at it, region by region. Where the alias is moved by something else, `deploy-version` publishes without a
# template, which is told key and checksum afterwards; applied in between, it finds a version that it did not publish.
#
#   --release R           name of the release: letters, digits, `.`, `_` and `-`
#   --region REGION       repeatable, or several with commas between
#   --prefix PREFIX       the code buckets are PREFIX-REGION (upload, deploy-version)
#   --function NAME       NAME-forwarder (deploy-version, map)
#   --architecture A      of the function: x86_64 (default) or arm64 (deploy-version, map; upload takes all zips that are there)
#   --zips FOLDER         where build.sh put them (default: target/release-zip of this repository)
#   --map FILE            the release map (default: release-map.json in the working directory)
#   --bucket-owner ID     the account that owns the buckets (default: the caller's)
#   --dry-run             reads, says what would be done, changes nothing
#
# It refuses to give a release other bytes than it has anywhere, to write into a bucket of another account or region, to
# write a map while any region failed or differs, and to move an alias: no caller sees a version before
# somebody points the alias at it.
#
# It needs the AWS CLI (v2, or v1 of 2025 or later) and jq. Credentials and endpoints are the CLI's own. Actions: sts:GetCallerIdentity,
# s3:ListBucket, s3:GetObject, s3:PutObject on the code buckets; lambda:GetFunctionConfiguration, ListVersionsByFunction,
# UpdateFunctionCode, PublishVersion on the function.
#
# Exit codes: 0 done; 2 usage; 3 refused, or a region failed (each is named; the others are done, the map is as it was).
set -euo pipefail

readonly NAME=transect-forwarder

usage() {
  echo "publish.sh: $1" >&2
  echo "usage: publish.sh upload|deploy-version|map --release R --region REGION… (the head of the file has the options)" >&2
  exit 2
}
refuse() {
  echo "publish.sh: $*" >&2
  exit 3
}

# --- What was asked for -------------------------------------------------------------------------------------------------

[[ $# -gt 0 ]] || usage "no step"
step=$1
shift
case $step in
  upload | deploy-version | map) ;;
  -h | --help) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) usage "\`$step\` is no step" ;;
esac
release='' prefix='' function='' architecture=x86_64 map=release-map.json owner='' dry_run=false
zips=$(cd "$(dirname "$0")/../.." && pwd)/target/release-zip
regions=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --dry-run) dry_run=true; shift; continue ;;
    --release | --region | --prefix | --function | --architecture | --zips | --map | --bucket-owner) ;;
    *) usage "\`$1\` is no option" ;;
  esac
  [[ $# -gt 1 && -n $2 ]] || usage "$1 needs a value"
  case $1 in
    --release) release=$2 ;;
    --region) IFS=, read -ra more <<<"$2"; regions+=("${more[@]}") ;;
    --prefix) prefix=$2 ;;
    --function) function=$2 ;;
    --architecture) architecture=$2 ;;
    --zips) zips=$2 ;;
    --map) map=$2 ;;
    --bucket-owner) owner=$2 ;;
  esac
  shift 2
done

[[ $release =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$ ]] || usage "--release is letters, digits, \`.\`, \`_\` and \`-\`, up to 128: \`$release\`"
[[ ${#regions[@]} -gt 0 ]] || usage "no --region"
for region in "${regions[@]}"; do
  [[ $region =~ ^[a-z]{2,}(-[a-z]+)+-[0-9]+$ ]] || usage "\`$region\` is no region"
done
readarray -t regions < <(printf '%s\n' "${regions[@]}" | awk '!seen[$0]++')
[[ $architecture == x86_64 || $architecture == arm64 ]] || usage "--architecture is x86_64 or arm64"
[[ -z $owner || $owner =~ ^[0-9]{12}$ ]] || usage "--bucket-owner is an account's 12 digits"
if [[ $step != map ]]; then
  [[ -n $prefix ]] || usage "$step needs --prefix"
  for region in "${regions[@]}"; do
    [[ $prefix-$region =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] || usage "\`$prefix-$region\` is no name of a bucket: lower-case, 63 letters at most"
  done
fi
if [[ $step != upload ]]; then
  [[ $function =~ ^[A-Za-z0-9_-]{1,64}$ ]] || usage "$step needs --function, the function's name without account or alias"
fi
for program in aws jq sha256sum; do
  command -v "$program" >/dev/null || refuse "$program is not on PATH$([[ $program != aws ]] || echo ": install the AWS CLI, v2 or v1 of 2025 or later")"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A CLI that pages or asks would wait for nobody; one region that does not answer must not hold the others for minutes.
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_RETRY_MODE=${AWS_RETRY_MODE:-standard} AWS_MAX_ATTEMPTS=${AWS_MAX_ATTEMPTS:-4}
in_region() { # REGION SERVICE OPERATION… : what the CLI prints; what it complains of lies in $scratch/fault
  aws --region "$1" --output json --cli-connect-timeout 10 --cli-read-timeout 60 "${@:2}" 2>"$scratch/fault"
}
fault() {
  # The CLI's complaint on one line.
  tr -s '\n ' ' ' <"$scratch/fault" | sed 's/^ //; s/ $//'
}

sha256() { sha256sum <"$1" | cut -d' ' -f1; }
base64_of_hex() {
  # As Lambda and S3 write a checksum.
  # shellcheck disable=SC2001 # what is found stands in what replaces it, which bash does only since 5.2
  printf '%b' "$(sed 's/../\\x&/g' <<<"$1")" | base64
}
key() { printf '%s/%s/%s/%s' "$NAME" "$release" "$(sha256 "$1")" "$(basename "$1")"; }

# The zips of this step.
files=()
for file in "$zips/$NAME-x86_64.zip" "$zips/$NAME-arm64.zip"; do
  [[ $step == upload || $file == *-$architecture.zip ]] || continue
  [[ -f $file ]] || continue
  [[ $(head -c 4 "$file" | base64) == UEsDBA== ]] || refuse "$file is no zip"
  files+=("$file")
done
[[ ${#files[@]} -gt 0 ]] || refuse "no $NAME-$([[ $step == upload ]] && echo '*' || echo "$architecture").zip in $zips: run build.sh first"

# Only the map of this release matters, but a file that is no map at all must be known before anything is changed.
is_map='type == "object" and all(.[]; type == "object" and all(.[]; type == "object" and all(.[]; type == "object" and has("version"))))'
if [[ $step != upload && -e $map ]]; then
  jq -e "$is_map" "$map" >/dev/null 2>&1 || refuse "$map is no release map; it is left alone"
fi

failed=() # regions
fails() { # REGION WORDS…
  echo "publish.sh: $1: ${*:2}" >&2
  failed+=("$1")
}
finish_failures() { # WORDS
  [[ ${#failed[@]} -eq 0 ]] || refuse "failed in ${failed[*]}$1; run it again when that is mended: what is done stays done"
}
said() { printf '%-16s %s\n' "$1" "${*:2}"; }

# --- Buckets ------------------------------------------------------------------------------------------------------------

# Whose buckets: a name that somebody else took first must not receive code, or hand it out.
find_owner() {
  [[ -z $owner ]] || return 0
  local region answer
  for region in "${regions[@]}"; do
    if answer=$(in_region "$region" sts get-caller-identity); then
      owner=$(jq -r .Account <<<"$answer")
      return 0
    fi
  done
  refuse "who the caller is could not be found out ($(fault)); check credentials, or say --bucket-owner"
}

# 0: the object is there with these bytes; 1: it is not there; 2: said why that is not known. Other bytes end everything.
holds() { # REGION FILE
  local answer sum size
  if ! answer=$(in_region "$1" s3api head-object --bucket "$prefix-$1" --key "$(key "$2")" --checksum-mode ENABLED --expected-bucket-owner "$owner"); then
    if grep -qE '\((404|NoSuchKey|NotFound)\)' "$scratch/fault"; then return 1; fi
    fails "$1" "$(fault)$(grep -q '(403)' "$scratch/fault" && echo " (without s3:ListBucket an object that is not there looks like this, too)")"
    return 2
  fi
  sum=$(jq -r '.ChecksumSHA256 // ""' <<<"$answer")
  size=$(jq -r .ContentLength <<<"$answer")
  if [[ -z $sum ]]; then
    # Somebody else's upload: S3 was not asked to keep a checksum of it.
    if ! in_region "$1" s3api get-object --bucket "$prefix-$1" --key "$(key "$2")" --expected-bucket-owner "$owner" "$scratch/object" >/dev/null; then
      fails "$1" "object $(key "$2"): $(fault)"
      return 2
    fi
    sum=$(base64_of_hex "$(sha256 "$scratch/object")")
    rm -f "$scratch/object"
  fi
  [[ $sum == "$(base64_of_hex "$(sha256 "$2")")" && $size == "$(wc -c <"$2")" ]] ||
    refuse "s3://$prefix-$1/$(key "$2") holds other bytes (SHA-256 $sum, $size bytes) than its name says; it is left alone: find out who wrote it"
}

# The bucket is where it should be, and the release has no other bytes there.
look_at_bucket() { # REGION
  local answer place other file
  if ! answer=$(in_region "$1" s3api head-bucket --bucket "$prefix-$1" --expected-bucket-owner "$owner"); then
    fails "$1" "bucket $prefix-$1: $(fault)"
    return 0
  fi
  place=$(jq -r '.BucketRegion // ""' <<<"${answer:-null}")
  if [[ -n $place && $place != "$1" ]]; then
    fails "$1" "bucket $prefix-$1 is in $place: Lambda takes code only from a bucket of its own region"
    return 0
  fi
  if ! answer=$(in_region "$1" s3api list-objects-v2 --bucket "$prefix-$1" --prefix "$NAME/$release/" --expected-bucket-owner "$owner"); then
    fails "$1" "list of bucket $prefix-$1: $(fault)"
    return 0
  fi
  for file in "${files[@]}"; do
    other=$(jq -r --arg key "$(key "$file")" --arg name "/$(basename "$file")" \
      '[.Contents[]?.Key | select(endswith($name) and . != $key)] | first // ""' <<<"${answer:-null}")
    [[ -z $other ]] || refuse "release $release has other bytes in $1 (s3://$prefix-$1/$other): a release is built once; nothing was changed. Give this build another name"
    if jq -e --arg key "$(key "$file")" 'any(.Contents[]?; .Key == $key)' <<<"${answer:-null}" >/dev/null; then
      ! holds "$1" "$file" || touch "$scratch/held.$1.${file##*/}"
    fi
  done
}

upload() { # REGION
  local file status
  for file in "${files[@]}"; do
    if [[ -e $scratch/held.$1.${file##*/} ]]; then
      said "$1" "already there: $(key "$file")"
      continue
    fi
    if $dry_run; then
      said "$1" "would upload: $(key "$file")"
      continue
    fi
    # S3 computes the checksum of what arrived and refuses another one; it refuses, too, to replace what came meanwhile.
    if ! in_region "$1" s3api put-object --bucket "$prefix-$1" --key "$(key "$file")" --body "$file" \
      --content-type application/zip --checksum-algorithm SHA256 --checksum-sha256 "$(base64_of_hex "$(sha256 "$file")")" \
      --if-none-match '*' --expected-bucket-owner "$owner" >/dev/null && ! grep -q '(PreconditionFailed)' "$scratch/fault"; then
      fails "$1" "$(fault)"
      return 0
    fi
    status=0
    holds "$1" "$file" || status=$?
    case $status in
      0) said "$1" "uploaded: $(key "$file")" ;;
      1) fails "$1" "$(key "$file") is not there after it was uploaded"; return 0 ;;
      2) return 0 ;;
    esac
  done
}

# --- Versions -----------------------------------------------------------------------------------------------------------

function_fault() { # REGION
  if grep -q '(ResourceNotFoundException)' "$scratch/fault"; then
    fails "$1" "there is no function $function: deploy the template there first"
  else
    fails "$1" "$function: $(fault)"
  fi
}

# The newest published version with these bytes in $scratch/version.REGION; 1: there is none; 2: said why not.
find_version() { # REGION
  local answer version
  if ! answer=$(in_region "$1" lambda list-versions-by-function --function-name "$function"); then
    function_fault "$1"
    return 2
  fi
  version=$(jq -r --arg sum "$sum" \
    '[.Versions[] | select(.Version != "$LATEST" and .CodeSha256 == $sum) | .Version | tonumber] | max // "" | tostring' <<<"$answer")
  [[ -n $version ]] || return 1
  printf '%s' "$version" >"$scratch/version.$1"
}

deploy_version() { # REGION
  local answer found status=0
  find_version "$1" || status=$?
  case $status in
    0) said "$1" "already version $(cat "$scratch/version.$1") of $function"; return 0 ;;
    2) return 0 ;;
  esac
  if ! answer=$(in_region "$1" lambda get-function-configuration --function-name "$function"); then
    function_fault "$1"
    return 0
  fi
  found=$(jq -r '.Architectures[0] // "x86_64"' <<<"$answer")
  if [[ $found != "$architecture" ]]; then
    fails "$1" "$function is for $found and this zip for $architecture: say --architecture $found"
    return 0
  fi
  status=0
  holds "$1" "${files[0]}" || status=$?
  case $status in
    1) fails "$1" "$(key "${files[0]}") is not in $prefix-$1: run \`upload\` first"; return 0 ;;
    2) return 0 ;;
  esac
  if $dry_run; then
    said "$1" "would publish a version of $function from $(key "${files[0]}")"
    return 0
  fi
  if [[ $(jq -r .CodeSha256 <<<"$answer") != "$sum" ]]; then
    if ! answer=$(in_region "$1" lambda update-function-code --function-name "$function" --s3-bucket "$prefix-$1" --s3-key "$(key "${files[0]}")") ||
      ! in_region "$1" lambda wait function-updated --function-name "$function"; then
      fails "$1" "code of $function: $(fault)"
      return 0
    fi
    found=$(jq -r .CodeSha256 <<<"$answer")
    if [[ $found != "$sum" ]]; then
      fails "$1" "Lambda took code with SHA-256 $found instead of $sum: no version was published"
      return 0
    fi
  fi
  # With the checksum Lambda publishes nothing that somebody else put there meanwhile. What it says of the version is read
  # back below, for all regions alike.
  if ! answer=$(in_region "$1" lambda publish-version --function-name "$function" --code-sha256 "$sum" --description "$NAME $release") ||
    ! in_region "$1" lambda wait published-version-active --function-name "$function" --qualifier "$(jq -r .Version <<<"$answer")"; then
    fails "$1" "version of $function: $(fault)"
    return 0
  fi
  found=$(jq -r .CodeSha256 <<<"$answer")
  if [[ $found != "$sum" ]]; then
    fails "$1" "version $(jq -r .Version <<<"$answer") of $function has SHA-256 $found instead of $sum"
    return 0
  fi
  jq -j .Version <<<"$answer" >"$scratch/version.$1"
  said "$1" "version $(cat "$scratch/version.$1") of $function"
}

# Same release and function with another checksum, in whichever region: then the map and this zip are not of one release.
look_at_map() {
  local other
  [[ -e $map ]] || return 0
  other=$(jq -r --arg release "$release" --arg function "$function" --arg sum "$sum" \
    '[.[$release] // {} | to_entries[] | select((.value[$function].codeSha256 // $sum) != $sum) | "\(.key) (\(.value[$function].codeSha256))"] | join(", ")' "$map")
  [[ -z $other ]] || refuse "$map has release $release of $function with other bytes in $other; this zip is $sum: CodeSha256 must be equal in all regions; nothing was changed"
}

write_map() {
  local region old=$scratch/old.json new=$scratch/new.json temporary
  if [[ -e $map ]]; then cp "$map" "$old"; else echo '{}' >"$old"; fi
  cp "$old" "$new"
  for region in "${regions[@]}"; do
    # What else stands there stays, in its order.
    jq --indent 2 --arg release "$release" --arg region "$region" --arg function "$function" --arg sum "$sum" \
      --arg version "$(cat "$scratch/version.$region")" \
      '.[$release][$region][$function] = {version: $version, codeSha256: $sum}' "$new" >"$scratch/next.json"
    mv "$scratch/next.json" "$new"
  done
  if [[ -e $map ]] && jq -e --slurpfile new "$new" '. == $new[0]' "$map" >/dev/null; then
    echo "$map already says so"
  elif $dry_run; then
    echo "would write $map:"
    jq --arg release "$release" '{($release): .[$release]}' "$new"
  else
    # All of it or nothing, also when the power goes.
    temporary=$(mktemp "$map.XXXXXX")
    cat "$new" >"$temporary"
    chmod 644 "$temporary"
    mv "$temporary" "$map"
    echo "wrote $map; \`transect releases import $map\` tells the lake"
  fi
}

# --- The steps ----------------------------------------------------------------------------------------------------------

sum=$(base64_of_hex "$(sha256 "${files[0]}")")
case $step in
  upload)
    find_owner
    # All regions are looked at before the first is written: other bytes anywhere end it.
    for region in "${regions[@]}"; do look_at_bucket "$region"; done
    unreachable=" ${failed[*]:-} "
    for region in "${regions[@]}"; do
      [[ $unreachable == *" $region "* ]] || upload "$region"
    done
    finish_failures ""
    for file in "${files[@]}"; do
      printf '%s\n' "${file##*/}: parameters of deploy/cfn/region.yaml (code_bucket_prefix, code_key and code_sha256 of deploy/terraform)" \
        "CodeBucketPrefix=$prefix" "CodeKey=$(key "$file")" "CodeSha256=$(base64_of_hex "$(sha256 "$file")")"
    done
    ;;
  deploy-version)
    look_at_map
    find_owner
    for region in "${regions[@]}"; do deploy_version "$region"; done
    finish_failures "; $map is as it was"
    waiting=0
    for region in "${regions[@]}"; do [[ -e $scratch/version.$region ]] || waiting=1; done
    if [[ $waiting -eq 0 ]]; then write_map; else echo "would then write $map"; fi
    ;;
  map)
    look_at_map
    for region in "${regions[@]}"; do
      status=0
      find_version "$region" || status=$?
      case $status in
        0) said "$region" "version $(cat "$scratch/version.$region") of $function" ;;
        1) fails "$region" "no version of $function has the bytes of ${files[0]} (SHA-256 $sum): run \`deploy-version\`, or deploy the template with this zip" ;;
      esac
    done
    finish_failures "; $map is as it was"
    write_map
    ;;
esac
