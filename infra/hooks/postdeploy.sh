#!/usr/bin/env bash
# After the code: asks the app what it lacks. Missing rights do not stop azd: somebody else may have to grant them.
source "$(dirname "$0")/common.sh"

TRIES=18
for _ in $(seq "$TRIES"); do # the first start installs nothing any more, but may take a minute
  if curl --silent --max-time 60 "$FUNCTION_APP_URL/api/health" | grep -q '^ *{'; then
    break
  fi
  sleep 10
done

code=0
.venv/bin/atlas doctor --app "$FUNCTION_APP_URL" || code=$?
case $code in
  0) say 'Nothing is missing. Rights in Exchange that were granted just now may need some hours all the same.' ;;
  1)
    left='api entra exchange'
    say '' 'Something is missing yet. What can still be to grant:'
    if [ -n "$(find "$(rights_left)" -mmin -60 2>/dev/null)" ]; then # this run of azd has tried
      left=$(cat "$(rights_left)")
    fi
    # shellcheck disable=SC2086 # several words
    bash infra/hooks/permissions.sh $left
    case $left in
      *api*) ;;
      *) say '' 'What was granted in Entra just now needs some minutes until it works.' ;;
    esac
    say '' "Ask again with: .venv/bin/atlas doctor --app $FUNCTION_APP_URL"
    ;;
  *) exit "$code" ;;
esac
