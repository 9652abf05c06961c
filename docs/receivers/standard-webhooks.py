# Verifies a webhook of the profile `standard-webhooks` (v1, whsec_ secrets). Python's standard library only; it has no
# ed25519, so v1a needs the package `cryptography`.
import base64
import hashlib
import hmac
import re


def verify(headers, body, secret, now, seen):
    """`body`: the raw bytes. `now`: unix seconds. `seen`: a set, kept for 10 minutes.

    Returns the body when the request is genuine, fresh and new, otherwise None.
    """
    id, time = headers.get("webhook-id"), headers.get("webhook-timestamp")
    signatures = headers.get("webhook-signature")
    if not id or not time or not signatures or not re.fullmatch(r"[0-9]{1,12}", time):
        return None
    if abs(now - int(time)) > 300:
        return None
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    digest = hmac.new(key, f"{id}.{time}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(part.encode(), expected) for part in signatures.split(" ")):
        return None
    # An attempt is taken once. A retry has the same id and another timestamp: do the work of an id once.
    if (id, time) in seen:
        return None
    seen.add((id, time))
    return body
