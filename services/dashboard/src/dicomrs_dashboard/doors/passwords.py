"""Passwords (argon2id, RFC 9106) and the codes that let somebody in once."""

import hashlib
import hmac
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 200  # characters; also keeps a stranger from having megabytes hashed

# 19 MiB and two passes: what OWASP asks for at least, for four at once (doors.house) must fit into a small pod.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS: Final = _hasher.hash(secrets.token_urlsafe())
_SIGNS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are taken for another when read from a screen
_SIGNS_OF_CODE: Final = 20  # 99 bits


class WeakPasswordError(ValueError):
    """A password that is not taken; the message says why."""


def hash_password(name: str, password: str) -> str:
    """What is kept of a password. Takes about 20 ms and 19 MiB.

    Raises:
        WeakPasswordError: it is too short, too long, or the user's own name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPasswordError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 5 or password.lower().replace(name, "") == "":
        raise WeakPasswordError("this password is too easy to guess")
    return _hasher.hash(password)


def is_right(kept: str, password: str) -> bool:
    """Whether a password is the one; kept: "" where there is none, which takes as long as a wrong one."""
    try:
        return _hasher.verify(kept or _NOBODYS, password[:LONGEST]) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it was hashed with other costs than today's."""
    return _hasher.check_needs_rehash(kept)


def new_code() -> str:
    """A code, such as "k7xw-...": five groups of four signs."""
    signs = "".join(secrets.choice(_SIGNS) for _ in range(_SIGNS_OF_CODE))
    return "-".join(signs[at : at + 4] for at in range(0, _SIGNS_OF_CODE, 4))


def digest_of(code: str) -> str:
    """What is kept of a code: it has so many bits that a plain hash can be told to anybody."""
    signs = "".join(sign for sign in code[:LONGEST].lower() if sign in _SIGNS)
    return hashlib.sha256(signs.encode("ascii")).hexdigest()


def same_digest(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode("ascii", "replace"), other.encode("ascii", "replace"))
