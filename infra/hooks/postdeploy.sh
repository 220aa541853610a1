#!/usr/bin/env bash
# After the code: checks which permissions the app lacks. Missing ones do not stop azd: someone else may have to grant them.
source "$(dirname "$0")/environment.sh"

ATTEMPTS=18
for _ in $(seq "$ATTEMPTS"); do # the first start may take a minute
  if curl --silent --max-time 60 "$FUNCTION_APP_URL/api/health" | grep -q '^ *{'; then
    break
  fi
  sleep 10
done

code=0
.venv/bin/atlas doctor --app "$FUNCTION_APP_URL" || code=$?
case $code in
  0) say 'Nothing is missing. A role in Exchange that was granted just now may still take some hours to work.' ;;
  1)
    missing='entra exchange'
    say '' 'Something is still missing. To grant what may be missing:'
    if [ -n "$(find "$(missing_permissions)" -mmin -60 2>/dev/null)" ]; then # from this run of azd
      missing=$(cat "$(missing_permissions)")
    fi
    # shellcheck disable=SC2086 # several words
    bash infra/hooks/permissions.sh $missing
    if [ "$missing" = exchange ]; then
      say '' 'Permissions that were granted in Entra just now take a few minutes to take effect.'
    fi
    say '' "To check again, run: .venv/bin/atlas doctor --app $FUNCTION_APP_URL"
    ;;
  *) exit "$code" ;;
esac
