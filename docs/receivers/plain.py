# Verifies a webhook of the profile `plain`: nothing is signed, the authentication header is all there is. Python's
# standard library only.
import hashlib
import hmac


def verify(headers, body, secret):
    """`secret`: the whole value of the header that was agreed on, here `Authorization`.

    Returns the body when it is there, otherwise None.
    """
    given = headers.get("authorization")
    if given is None:
        return None
    # Compared by digest: the time taken tells neither where the two differ nor how long the secret is.
    digests = [hashlib.sha256(text.encode()).digest() for text in (given, secret)]
    return body if hmac.compare_digest(*digests) else None
