"""Plans requests for the raw ceiling of scripts/bench: lines of JSON that scripts/raw-client.rs sends.

All URLs are signed here, before any clock runs, by signature version 2 in the query, which Ceph's gateway and the embedded
server take with tokens. Usage: raw_plan.py PLAN ARGUMENT... > FILE
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.parse
import urllib.request

import bench_work

ENDPOINT = os.environ["OSIRISFS_RGW_ENDPOINT"]
ACCESS = os.environ["OSIRISFS_RGW_TOKEN_ALICE"]
BUCKET = os.environ["OSIRISFS_RGW_BUCKET"]
# A token has no secret: the gateway takes any signature.
SECRET = b"none"
EXPIRES = int(time.time()) + 7200
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


def emit(method, key, body=None, headers=None, last=False, **query):
    print(json.dumps({"method": method, "url": url(method, key, **query), "body": body, "headers": headers or {}, "last": last}))


def begin(key):
    request = urllib.request.Request(url("POST", key, uploads=None), method="POST")
    answer = urllib.request.urlopen(request).read().decode()
    return answer.partition("<UploadId>")[2].partition("</UploadId>")[0]


def complete(key, upload, etags, folder):
    xml = (f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, 1))
    text = f"<CompleteMultipartUpload>{''.join(xml)}</CompleteMultipartUpload>"
    name = f"{folder}/{upload.replace('/', '_')}"
    with open(name, "w") as file:
        file.write(text)
    emit("POST", key, [name, 0, len(text)], last=True, uploadId=upload)


def write(key, source, folder, start=0, size=None):
    """A multipart upload of (a piece of) a file. The etags of its parts are their MD5."""
    upload, etags = begin(key), []
    end = start + size if size else os.path.getsize(source)
    with open(source, "rb") as file:
        for number, at in enumerate(range(start, end, PART), 1):
            file.seek(at)
            data = file.read(min(PART, end - at))
            etags.append(hashlib.md5(data).hexdigest())
            emit("PUT", key, [source, at, len(data)], partNumber=number, uploadId=upload)
    complete(key, upload, etags, folder)


def write_many(prefix, source, folder, count):
    """Several files, each with its share of a file."""
    size = os.path.getsize(source) // int(count)
    for n in range(int(count)):
        write(f"{prefix}{n:02}", source, folder, n * size, size)


def get_ranges(key, ranges):
    for start, size in ranges:
        emit("GET", key, headers={"range": f"bytes={start}-{start + size - 1}"})


def read(key, size):
    get_ranges(key, ((at, PART) for at in range(0, int(size), PART)))


def read_many(prefix, size, count):
    for n in range(int(count)):
        read(f"{prefix}{n:02}", size)


def pieces(key, *how):
    """What `bench_work.py read` reads."""
    get_ranges(key, bench_work.pieces(*how))


def put(prefix, count, file):
    """Many objects with the bytes of one file."""
    for n in range(int(count)):
        emit("PUT", f"{prefix}{n:05}", [file, 0, os.path.getsize(file)])


def get(prefix, count):
    for n in range(int(count)):
        emit("GET", f"{prefix}{n:05}")


def ls(prefix, count):
    """The pages of a listing of what `put` made: the names are known, so where each page begins is known too."""
    for page in range(0, int(count), 1000):
        after = {"start-after": f"{prefix}{page - 1:05}"} if page else {}
        # The bucket itself: an empty key.
        emit("GET", "", **{"list-type": 2, "prefix": prefix, "delimiter": "/"}, **after)


def copy(source, target):
    emit("PUT", target, headers={"x-amz-copy-source": f"/{BUCKET}/{source}"})


def delete(*keys):
    for key in keys:
        emit("DELETE", key)


def replace(key, file, size, count):
    """One small object, stored again and again."""
    for _ in range(int(count)):
        emit("PUT", key, [file, 0, int(size)])


PLANS = {f.__name__: f for f in (write, write_many, read, read_many, pieces, put, get, ls, copy, delete, replace)}

if __name__ == "__main__":
    PLANS[sys.argv[1]](*sys.argv[2:])
