"""Exit codes of all our programs, so that a service manager and a script can tell what is wrong (after sysexits.h)."""

from enum import IntEnum


class Exit(IntEnum):
    """0 is success; 1 a check that failed; 2 a wrong command line."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MANIFEST = 65  # a manifest is wrong: its author mends it
    PORT_IN_USE = 69  # another program holds a port that is needed
    INTERNAL = 70  # a fault of ours
    ROOT = 73  # a storage root cannot carry a spool
    FULL = 74  # a storage root's volume is full
    RESTART = 75  # a person asked a service to start anew: to be started again at once
    NOT_ALLOWED = 77  # the port needs a right that this user has not
