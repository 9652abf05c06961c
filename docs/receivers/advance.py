# Verifies a webhook of the profile `advance` in its default form: HMAC-SHA256 over the raw body. Python's standard library
# only.
import base64
import hashlib
import hmac
import re


def verify(headers, body, secret, now, seen):
    """`body`: the raw bytes. `now`: unix seconds. `seen`: a set, kept for 10 minutes.

    Returns the body when the request is genuine, fresh and new, otherwise None (answer 401).
    """
    time, nonce = headers.get("aai-timestamp"), headers.get("aai-nonce")
    signature = headers.get("aai-signature")
    if not time or not nonce or not signature or not re.fullmatch(r"[0-9]{1,15}", time):
        return None
    if abs(now - int(time) / 1000) > 300:
        return None
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    if not hmac.compare_digest(signature.encode(), expected):
        return None
    if nonce in seen:
        return None
    seen.add(nonce)
    return body
