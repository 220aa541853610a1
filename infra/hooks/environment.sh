# shellcheck shell=bash
# The azd environment with its defaults; sourced by every hook. azd passes the values of the environment as variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ATLAS_API_ACCESS=${ATLAS_API_ACCESS-key}
ATLAS_SIGN_IN=${ATLAS_SIGN_IN-managedIdentity}

say() { printf '%s\n' "$@"; }

# The file in which postprovision.sh lists the permissions that are not granted yet, for postdeploy.sh.
missing_permissions() { say ".local/missing-permissions-$AZURE_ENV_NAME.txt"; }
