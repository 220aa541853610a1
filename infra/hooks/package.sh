#!/usr/bin/env bash
# Before azd packages: builds the folder that azure.yaml names.
source "$(dirname "$0")/environment.sh"

make package BACKEND="${ATLAS_DURABLE_BACKEND:-storage}"
