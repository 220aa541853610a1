#!/usr/bin/env bash
# After everything in Azure is deleted: prints what remains elsewhere, as predown.sh wrote it down.
source "$(dirname "$0")/environment.sh"

remaining=".local/remaining-$AZURE_ENV_NAME.txt"
if [ -f "$remaining" ]; then
  cat "$remaining"
fi
