#!/bin/bash
# Every job to every device over AF_XDP has its result, and the cards' ledger agrees to the last.
. "$(dirname "$0")/common.sh"
all_jobs af_xdp
