# shellcheck shell=bash
# The tests that speak to the Ceph that OSIRISFS_RGW_* tells of. Sourced after stages.sh.

# ceph_tests NAME: both kinds of users, and both ways in; then the mount.
ceph_tests() {
    contract "$1-token" "$OSIRISFS_RGW_ENDPOINT" "$OSIRISFS_RGW_BUCKET" "$OSIRISFS_RGW_TOKEN_ALICE" ''
    contract "$1-keys-tls" "$OSIRISFS_RGW_TLS_ENDPOINT" "$OSIRISFS_RGW_BUCKET_KEY" \
        "$OSIRISFS_RGW_KEY_ACCESS" "$OSIRISFS_RGW_KEY_SECRET"
    tests "$1-gateways" cargo test --locked --no-fail-fast --test gateways_rgw -- --test-threads=1
    tests "$1-mount" cargo test --locked --no-fail-fast --test mount_rgw
}

# contract NAME ENDPOINT BUCKET ACCESS SECRET: what the program expects of a store.
contract() {
    OSIRISFS_TEST_CA_FILE=$OSIRISFS_RGW_CA_FILE OSIRISFS_TEST_ENDPOINT=$2 OSIRISFS_TEST_BUCKET=$3 \
        OSIRISFS_TEST_ACCESS_KEY=$4 OSIRISFS_TEST_SECRET_KEY=$5 OSIRISFS_TEST_TOKEN_BOB=$OSIRISFS_RGW_TOKEN_BOB \
        tests "$1-contract" cargo test --locked --no-fail-fast --test store_contract
}
