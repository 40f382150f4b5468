"""Every transfer syntax that there is, and an object in each."""

import zlib

from pydicom.uid import UID_dictionary

from support.objects import CT, IMPLICIT, Instance, encode, image

BIG_ENDIAN, GE_PRIVATE = "1.2.840.10008.1.2.2", "1.2.840.113619.5.2"
PRIVATE_SYNTAX = "1.3.46.670589.33.1.4.1"
_DEFLATED = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}
_PAPYRUS = "1.2.840.10008.1.20"  # of a file format of 1995; nobody negotiates it


def every_transfer_syntax():
    """Those of the standard, a vendor's old one, and a private one."""
    standard = [uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"]
    return [uid for uid in standard if uid != _PAPYRUS] + [GE_PRIVATE, PRIVATE_SYNTAX]


def labelled(transfer_syntax: str) -> Instance:
    """An image under this syntax; native pixels under a compressed one are wrong, but not the router's to mend."""
    made = image()
    dataset = encode(made, implicit=transfer_syntax in {IMPLICIT, GE_PRIVATE}, big_endian=transfer_syntax == BIG_ENDIAN)
    if transfer_syntax in _DEFLATED:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        dataset = packer.compress(dataset) + packer.flush()
    return Instance(CT, str(made.SOPInstanceUID), transfer_syntax, dataset)
