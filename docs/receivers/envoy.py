# Verifies a webhook of the profile `envoy` (HMAC token). Python's standard library only. The token does not cover the body.
import base64
import datetime
import hashlib
import hmac
import json
import re


def verify(headers, body, secret, now, seen):
    """`secret`: key id -> 64 hex digits. `now`: unix seconds. `seen`: a set, kept for 10 minutes.
    Returns the body when genuine, fresh and new, otherwise None (answer 401).
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    parts, last = {}, None
    for part in token.split(","):
        if "=" in part:
            last, _, value = (text.strip() for text in part.partition("="))
            parts[last] = value
        elif last == "headers":
            parts[last] += ";" + part  # some write the list with commas
    sig, nonce, key = parts.get("sig", ""), parts.get("nonce", ""), secret.get(parts.get("kid"))
    names = [name.strip() for name in parts.get("headers", "").split(";") if name.strip()]
    if scheme != "HMAC" or not key or not {"x-transfer-id", "x-transfer-timestamp"} <= set(names):
        return None
    if not re.fullmatch("[A-Za-z0-9_-]{43}", sig) or not re.fullmatch("[A-Za-z0-9_-]{22,}", nonce):
        return None
    data = base64.urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4))
    data += "".join(headers.get(name, "") for name in names).encode()
    digest = hmac.new(bytes.fromhex(key), data, hashlib.sha256).digest()
    if not hmac.compare_digest(sig.encode(), base64.urlsafe_b64encode(digest).rstrip(b"=")):
        return None
    try:
        time = re.sub(r"\.[0-9]+", "", headers["x-transfer-timestamp"]).replace("Z", "+00:00")
        age = now - datetime.datetime.fromisoformat(time).timestamp()
        same = json.loads(body)["transaction_id"] == headers["x-transfer-id"]
    except (ValueError, TypeError, KeyError):
        return None
    if abs(age) > 300 or not same or nonce in seen:
        return None
    seen.add(nonce)
    return body
