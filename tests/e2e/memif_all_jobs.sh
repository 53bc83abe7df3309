#!/bin/bash
# The same without privileges: memif between engine and fleet, no hugepages.
. "$(dirname "$0")/common.sh"
all_jobs memif
