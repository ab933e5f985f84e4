# shellcheck shell=bash
# The files that make a Ceph of one monitor, one in-memory OSD, one gateway and one LDAP server. Uses DIR, PORT, RELEASE.

LDAP_BASE=dc=osiris,dc=test
TOKEN_USERS=(alice_um bob_wsu carol_msu)
# A user with an ordinary key pair. Both words are made up, and good for this throw-away server only.
KEY_USER=dave_vai
KEY_ACCESS=DAVEVAI0TESTACCESSKEY
KEY_SECRET=dave-vai-test-secret-key
ldap_password() { echo "pw-$1"; }

# Ports in use: PORT (HTTP), then TLS, monitor, LDAP.
tls_port() { echo $((PORT + 1)); }
mon_port() { echo $((PORT + 2)); }
ldap_port() { echo $((PORT + 3)); }

ports_free() {
    local p a
    for p in $(seq "$1" $(($1 + 3))); do
        for a in 1 2 3; do
            ! (exec 3<>"/dev/tcp/127.0.0.$a/$p") 2>/dev/null || return 1
        done
    done
}

# Below the range from which Linux takes ports for outgoing connections.
free_ports() {
    local first
    until first=$((18000 + RANDOM % 3000 * 4)) && ports_free "$first"; do :; done
    echo "$first"
}

write_ceph_conf() {
    cat >"$DIR/ceph.conf" <<C
[global]
fsid = $1
mon host = v1:127.0.0.1:$(mon_port)
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = $DIR/run
admin socket = $DIR/run/\$name.\$pid.asok
log file = $DIR/log/\$name.log
mon data = $DIR/mon
osd data = $DIR/osd
# One copy on one OSD: nothing here must survive.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
mon osd min in ratio = 0
# The OSD holds its data in memory, and takes only what is stored.
osd objectstore = memstore
memstore device bytes = $((12 << 30))
osd op num shards = 2

# In [client], not in the gateway's section: a section [client.rgw.x] of a second gateway does not inherit [client.rgw].
[client]
rgw s3 auth use ldap = true
rgw ldap uri = ldap://127.0.0.1:$(ldap_port)
rgw ldap binddn = cn=admin,$LDAP_BASE
rgw ldap secret = $DIR/ldap/secret
rgw ldap searchdn = ou=people,$LDAP_BASE
rgw ldap dnattr = uid
rgw thread pool size = 64
# How long a gateway that was killed in the middle of a completion keeps others from it: 600 by default.
rgw mp lock max time = 20

C
    local name address
    for name in rgw rgw-2 rgw-3; do
        address=$(gateway_address "$name")
        cat >>"$DIR/ceph.conf" <<C
[client.$name]
rgw frontends = beast endpoint=$address:$PORT ssl_endpoint=$address:$(tls_port) ssl_certificate=$DIR/tls/rgw.pem ssl_private_key=$DIR/tls/rgw.key
C
    done
}

# gateway_address NAME: rgw, rgw-2 and rgw-3 listen on 127.0.0.1 and after.
gateway_address() {
    case $1 in
    rgw) echo 127.0.0.1 ;;
    *) echo "127.0.0.${1#rgw-}" ;;
    esac
}

write_ldap() {
    local user
    mkdir -p "$DIR/ldap/db"
    printf secret >"$DIR/ldap/secret"
    cat >"$DIR/ldap/slapd.conf" <<C
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile $DIR/run/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "$LDAP_BASE"
rootdn "cn=admin,$LDAP_BASE"
rootpw secret
directory $DIR/ldap/db
maxsize 104857600
C
    {
        printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: osiris\ndc: osiris\n\n' "$LDAP_BASE"
        printf 'dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n' "$LDAP_BASE"
        for user in "${TOKEN_USERS[@]}"; do
            printf 'dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nuserPassword: %s\n\n' \
                "$user" "$LDAP_BASE" "$user" "$user" "$user" "$(ldap_password "$user")"
        done
    } >"$DIR/ldap/people.ldif"
}

# A private CA, and a certificate from it for localhost: https://127.0.0.1 is then a server with a wrong name.
write_tls() {
    local tls=$DIR/tls
    mkdir -p "$tls"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '/CN=osirisfs test CA' \
            -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout "$tls/ca.key" -out "$tls/ca.pem"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' \
            -keyout "$tls/rgw.key" -out "$tls/rgw.csr"
        printf '%s\n' 'basicConstraints=CA:FALSE' 'extendedKeyUsage=serverAuth' \
            'subjectAltName=DNS:localhost' >"$tls/rgw.ext"
        openssl x509 -req -in "$tls/rgw.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 30 \
            -extfile "$tls/rgw.ext" -out "$tls/rgw.pem"
    } >>"$DIR/log/start.log" 2>&1
}
