# Verifies a webhook of the profile `pomelo`. Python's standard library only.
import base64
import hashlib
import hmac
import re


def verify(headers, body, secret, path, now, seen):
    """`body`: the raw bytes. `secret`: api-key -> api-secret (base64). `path`: path and query of this request, as in the
    request line. `now`: unix seconds. `seen`: a set, kept for 10 minutes.

    Returns the body when the request is genuine, fresh and new, otherwise None.
    """
    time, signature = headers.get("x-timestamp", ""), headers.get("x-signature")
    api_secret = secret.get(headers.get("x-api-key"))
    if not api_secret or not signature or not re.fullmatch(r"[0-9]{1,12}", time):
        return None
    if headers.get("x-endpoint") != path or not path.startswith("/"):
        return None
    if abs(now - int(time)) > 300:
        return None
    key = base64.b64decode(api_secret, validate=True)
    digest = hmac.new(key, (time + path).encode() + body, hashlib.sha256).digest()
    if not hmac.compare_digest(signature.encode(), b"hmac-sha256 " + base64.b64encode(digest)):
        return None
    # Every attempt has its own timestamp, so that the same signature twice is a replay.
    if signature in seen:
        return None
    seen.add(signature)
    return body
