#!/usr/bin/env bash
# Creates a function key for one caller, with ATLAS_API_ACCESS=key, and prints it once. The key opens only the named parts:
#
#   infra/function-keys.sh CALLER PART…        PART: read, availability, scans or agents
#   infra/function-keys.sh --delete CALLER     removes it everywhere
#
# A function key opens one function. The script gives the same key to each function of the parts.
source "$(dirname "$0")/hooks/environment.sh"

functions_of() {
  case $1 in
    read) say get_all_users get_all_users_as_csv get_all_changes get_all_shared_pages get_all_shared_pages_as_csv get_one_shared_page get_user_shared_pages get_all_shared_page_changes get_adoption get_policy get_scans get_scan get_swagger ;;
    availability) say get_user_bookings get_user_availability ;;
    scans) say post_scan delete_scan ;;
    agents) say post_mcp ;;
    *) return 1 ;;
  esac
}

usage() {
  say 'Usage: infra/function-keys.sh CALLER read|availability|scans|agents…' '       infra/function-keys.sh --delete CALLER' >&2
  exit 2
}

# A key of one function: set or delete, the function, the name of the key, more arguments.
function_key() {
  local command=$1 function=$2 caller=$3
  shift 3
  az functionapp function keys "$command" --resource-group "$RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
    --function-name "$function" --key-name "$caller" --output none "$@"
}

[ $# -ge 2 ] || usage
if [ -z "${RESOURCE_GROUP:-}" ] || [ -z "${FUNCTION_APP_NAME:-}" ]; then
  say 'RESOURCE_GROUP and FUNCTION_APP_NAME are required. Run: (set -a; source <(azd env get-values); infra/function-keys.sh …)' >&2
  exit 2
fi

if [ "$1" = --delete ]; then
  for part in read availability scans agents; do
    for function in $(functions_of "$part"); do
      function_key delete "$function" "$2" || say "$function had no key $2." >&2
    done
  done
  exit
fi

caller=$1
shift
[[ "$caller" =~ ^[A-Za-z0-9-]+$ ]] || usage
for part in "$@"; do
  functions_of "$part" >/dev/null || usage
done
key=$(openssl rand -hex 32)
for part in "$@"; do
  for function in $(functions_of "$part"); do
    function_key set "$function" "$caller" --key-value "$key"
  done
done
say "The key of $caller opens: $*. It is shown only here:" "$key"
