#!/usr/bin/env bash
# After everything in Azure is gone: tells what is left elsewhere, as predown.sh noted it.
source "$(dirname "$0")/common.sh"

left=".local/left-$AZURE_ENV_NAME.txt"
if [ -f "$left" ]; then
  cat "$left"
fi
