# shellcheck shell=bash
# Who may log in, the buckets that are there from the start, and the variables that tell the tests. Uses DIR, PORT.

BUCKET_ALICE=um-test
BUCKET_BOB=wsu-test
BUCKET_DAVE=vai-test

# token USER: what COmanage gives a member of OSiRIS, an RGW LDAP token, to be used as the access key.
token() {
    printf '{"RGW_TOKEN":{"version":1,"type":"ldap","id":"%s","key":"%s"}}' "$1" "$(ldap_password "$1")" | base64 -w 0
}

# s3 ACCESS SECRET METHOD PATH: one request with an AWS signature of version 2, which a shell can make by itself.
s3() {
    local date sig
    date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
    sig=$(printf '%s\n\n\n%s\n%s' "$3" "$date" "$4" | openssl dgst -sha1 -hmac "$2" -binary | base64)
    curl -sS -f -m 60 -o /dev/null -X "$3" -H "Date: $date" -H "Authorization: AWS $1:$sig" "http://127.0.0.1:$PORT$4"
}

make_users() {
    local user
    # RGW makes the user of a token at its first request, and refuses grants to users it has not made.
    for user in "${TOKEN_USERS[@]}"; do
        s3 "$(token "$user")" none GET / || start_failed "$user cannot log in"
    done
    started radosgw-admin -c "$DIR/ceph.conf" -n client.rgw user create --uid="$KEY_USER" --display-name="$KEY_USER" \
        --access-key="$KEY_ACCESS" --secret-key="$KEY_SECRET"
    s3 "$(token alice_um)" none PUT "/$BUCKET_ALICE" || start_failed "no bucket $BUCKET_ALICE"
    s3 "$(token bob_wsu)" none PUT "/$BUCKET_BOB" || start_failed "no bucket $BUCKET_BOB"
    s3 "$KEY_ACCESS" "$KEY_SECRET" PUT "/$BUCKET_DAVE" || start_failed "no bucket $BUCKET_DAVE"
}

# Lines for eval: what a test must know to use this server.
print_env() {
    cat <<E
export OSIRISFS_RGW_RELEASE='$RELEASE'
export OSIRISFS_RGW_GATEWAYS='$GATEWAYS'
export OSIRISFS_RGW_DIR='$DIR'
export OSIRISFS_RGW_ENDPOINT='http://127.0.0.1:$PORT'
export OSIRISFS_RGW_TLS_ENDPOINT='https://localhost:$(tls_port)'
export OSIRISFS_RGW_CA_FILE='$DIR/tls/ca.pem'
export OSIRISFS_RGW_TOKEN_ALICE='$(token alice_um)'
export OSIRISFS_RGW_TOKEN_BOB='$(token bob_wsu)'
export OSIRISFS_RGW_TOKEN_CAROL='$(token carol_msu)'
export OSIRISFS_RGW_KEY_USER='$KEY_USER'
export OSIRISFS_RGW_KEY_ACCESS='$KEY_ACCESS'
export OSIRISFS_RGW_KEY_SECRET='$KEY_SECRET'
export OSIRISFS_RGW_BUCKET='$BUCKET_ALICE'
export OSIRISFS_RGW_BUCKET_BOB='$BUCKET_BOB'
export OSIRISFS_RGW_BUCKET_KEY='$BUCKET_DAVE'
E
}
