"""Plans requests for the raw ceiling of scripts/bench: writes files that curl runs with its option -K.

All URLs are signed here, before any clock runs, by signature version 2 in the query, which Ceph's gateway takes with keys and
with tokens. Usage: raw_plan.py PLAN ARGUMENT... > FILE
"""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.parse
import urllib.request

ENDPOINT = os.environ["OSIRISFS_RGW_ENDPOINT"]
ACCESS = os.environ["OSIRISFS_RGW_TOKEN_ALICE"]
BUCKET = os.environ["OSIRISFS_RGW_BUCKET"]
# A token has no secret: the gateway takes any signature.
SECRET = b"none"
EXPIRES = int(time.time()) + 3600
PART = 8 << 20
# Only these query parameters are part of what is signed.
SUBRESOURCES = {"partNumber", "uploadId", "uploads"}


def url(method, key, **query):
    """A presigned URL; a query value of None gives a bare name."""
    words = [name if value is None else f"{name}={urllib.parse.quote(str(value))}" for name, value in query.items()]
    signed = "&".join(sorted(w for w in words if w.split("=")[0] in SUBRESOURCES))
    path = f"/{BUCKET}/{key}"
    text = f"{method}\n\n\n{EXPIRES}\n{path}{'?' + signed if signed else ''}"
    signature = base64.b64encode(hmac.new(SECRET, text.encode(), hashlib.sha1).digest()).decode()
    login = urllib.parse.urlencode({"AWSAccessKeyId": ACCESS, "Expires": EXPIRES, "Signature": signature})
    return f"{ENDPOINT}{path}?{'&'.join(words + [login])}"


def emit(requests):
    """curl's options hold for one request; `next` begins another."""
    for number, (address, *options) in enumerate(requests):
        if number:
            print("next")
        # No "Expect: 100-continue", which costs a round trip for each body.
        for line in (f'url = "{address}"', *options, "output = /dev/null", 'header = "Expect:"', "fail"):
            print(line)


def write(key, source, parts_dir):
    """A multipart upload of a file: its parts as files, and the body of its completion, whose etags are the parts' MD5."""
    request = urllib.request.Request(url("POST", key, uploads=None), method="POST")
    answer = urllib.request.urlopen(request).read().decode()
    upload = answer.partition("<UploadId>")[2].partition("</UploadId>")[0]
    requests, xml = [], ["<CompleteMultipartUpload>"]
    with open(source, "rb") as file:
        for number, data in enumerate(iter(lambda: file.read(PART), b""), 1):
            name = f"{parts_dir}/{number}"
            with open(name, "wb") as part:
                part.write(data)
            etag = hashlib.md5(data).hexdigest()
            xml.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            requests.append((url("PUT", key, partNumber=number, uploadId=upload), f'upload-file = "{name}"'))
    with open(f"{parts_dir}/complete.xml", "w") as file:
        file.write("".join(xml) + "</CompleteMultipartUpload>")
    with open(f"{parts_dir}/complete.url", "w") as file:
        file.write(url("POST", key, uploadId=upload))
    emit(requests)


def read(key, size):
    emit((url("GET", key), f'range = "{at}-{at + PART - 1}"') for at in range(0, int(size), PART))


def put(prefix, count, file):
    """Many objects with the bytes of one file."""
    emit((url("PUT", f"{prefix}{n:05}"), f'upload-file = "{file}"') for n in range(int(count)))


def append(key, count, file):
    """The bytes of one file to the end of one object, again and again."""
    size = os.path.getsize(file)
    emit((url("PUT", key, append=None, position=n * size), f'upload-file = "{file}"') for n in range(int(count)))


def get(prefix, count):
    emit((url("GET", f"{prefix}{n:05}"),) for n in range(int(count)))


def ls(prefix, count):
    """The pages of a listing of what `put` made: the names are known, so where each page begins is known too."""
    for page in range(0, int(count), 1000):
        after = {"start-after": f"{prefix}{page - 1:05}"} if page else {}
        # The bucket itself: an empty key.
        yield (url("GET", "", **{"list-type": 2, "prefix": prefix, "delimiter": "/"}, **after),)


PLANS = {"write": write, "read": read, "put": put, "append": append, "get": get, "ls": lambda *a: emit(ls(*a))}
PLANS[sys.argv[1]](*sys.argv[2:])
