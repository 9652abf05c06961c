# Opens a webhook of the profile `argos` with encryption `gcm`, or reads a plain one. Python's standard library has no AES:
# this sample alone needs the package `cryptography`, and only where the body is encrypted.
import base64
import datetime
import hashlib
import json


def verify(headers, body, secret, now, seen):
    """`secret`: the project's API key; None where no encryption was agreed on. `now`: unix seconds. `seen`: a set, kept for
    a day. Returns the plain body when it can be opened and is fresh and new, otherwise None.
    """
    # What was agreed on counts, not what the header says: or anybody could send plain text.
    if headers.get("x-webhook-encrypted") != ("false" if secret is None else "true"):
        return None
    iv = None
    try:
        if secret is not None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            sealed = base64.b64decode(body, validate=True)
            iv = sealed[:12]
            body = AESGCM(hashlib.sha256(secret.encode()).digest()).decrypt(iv, sealed[12:], None)
        made = json.loads(body)["timestamp"].replace("Z", "+00:00")
        age = now - datetime.datetime.fromisoformat(made).timestamp()
    except ImportError:
        raise
    except Exception:  # not base64, too short, another key, changed, no JSON, no time
        return None
    if not -300 <= age <= 86400 or iv in seen:
        return None
    if iv is not None:
        seen.add(iv)
    return body
