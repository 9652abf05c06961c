# Verifies a webhook of the profile `envoy`: an HMAC token over two headers, not over the body. Python's standard library only.
import base64
import datetime
import hashlib
import hmac
import json
import re


def verify(headers, body, secret, now, seen):
    """`secret`: key id -> 64 hex digits. `now`: unix seconds. `seen`: a set, kept for 10 minutes.
    Returns the body when the request is genuine, fresh and new, otherwise None (answer 401).
    """
    token = headers.get("authorization", "")
    sig = re.search(r"^HMAC .*?\bsig=([A-Za-z0-9_-]{43})\s*(?:,|$)", token)
    nonce = re.search(r"[ ,]nonce=([A-Za-z0-9_-]{22,})\s*(?:,|$)", token)
    kid = re.search(r"[ ,]kid=([^,=]+?)\s*(?:,|$)", token)
    # The list ends where the next part begins: some write it with commas.
    listed = re.search(r"[ ,]headers=([^=]+?)(?:,\s*\w+=|$)", token)
    if not sig or not nonce or not kid or not listed or kid[1] not in secret:
        return None
    names = [name.strip() for name in re.split("[;,]", listed[1])]
    if not {"x-transfer-id", "x-transfer-timestamp"} <= set(names):
        return None
    data = base64.urlsafe_b64decode(nonce[1] + "=" * (-len(nonce[1]) % 4))
    data += "".join(headers.get(name, "") for name in names).encode()
    digest = hmac.new(bytes.fromhex(secret[kid[1]]), data, hashlib.sha256).digest()
    if not hmac.compare_digest(sig[1].encode(), base64.urlsafe_b64encode(digest).rstrip(b"=")):
        return None
    try:
        time = re.sub(r"\.[0-9]+", "", headers["x-transfer-timestamp"]).replace("Z", "+00:00")
        age = now - datetime.datetime.fromisoformat(time).timestamp()
        if abs(age) > 300 or json.loads(body)["transaction_id"] != headers["x-transfer-id"] or nonce[1] in seen:
            return None
    except (ValueError, TypeError, KeyError):
        return None
    seen.add(nonce[1])
    return body
