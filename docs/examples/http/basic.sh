#!/bin/sh
# Files one declaration with curl and waits for its release:
#
#     sh docs/examples/http/basic.sh docs/examples/import-9610.json
#
# SW_DATA_DIR says where the data of a sandbox is.
set -eu
file=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Each run of the sample is an order of its own.
order=CURL-$(date +%s)
sed -e "s/\"order_no\": \"[^\"]*\"/\"order_no\": \"$order\"/" -e "s/\"cop_no\": \"[^\"]*\"/\"cop_no\": \"$order\"/" \
    "$file" >"$work/declaration.json"
cd "$work"
# snippet: connect
data=${SW_DATA_DIR:-/var/lib/single-window}
window=https://$(cat "$data/address")
key=$(cat "$data/identities/enterprise-a.api-key")
call() { curl --silent --show-error --retry 12 --cacert "$data/identities/authority.pem" -H "Authorization: Bearer $key" "$@"; }
call "$window/v1/status"
# end
# snippet: submit
id=$(cat /proc/sys/kernel/random/uuid) # or uuidgen; keep it with your document
printf '{"declaration": %s}' "$(cat declaration.json)" >filing.json
call -H "Idempotency-Key: $id" --data @filing.json "$window/v1/declarations"
# end
# snippet: wait
until call "$window/v1/declarations/number/$order" | grep -o '"state":"STATE_RELEASED"'; do sleep 1; done
# end
