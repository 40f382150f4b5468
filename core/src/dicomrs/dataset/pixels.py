"""Judges whether an image object has its pixels; without them it must not travel.

The sentences go into a quarantined object's reason and to the hospital's IT person: no patient data in them.
"""

import re

from dicomrs.dataset.header import Header, Pixels
from dicomrs.dataset.sop_classes import RT_DOSE, is_image, sop_class_name

NATIVE_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.113619.5.2",
    }
)
# The pixels are elsewhere, at the address in PixelDataProviderURL (PS3.5 A.6 and following).
JPIP_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    }
)
# One fragment may hold many frames: JPEG 2000 part 2 multi-component (PS3.5 8.2.4), and video: MPEG-2, MPEG-4
# AVC and HEVC (8.2.5 and following).
_MANY_FRAMES_A_FRAGMENT = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(92|93|10[0-8](\.1)?)")

_FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}  # PS3.3 C.7.6.24, C.7.6.25
# Samples that a pixel of three colours really takes, times two (PS3.3 C.7.6.3.1.2).
_SUBSAMPLED = {"YBR_FULL_422": 4, "YBR_PARTIAL_422": 4, "YBR_PARTIAL_420": 3, "YBR_FULL_420": 3}


def missing_pixels(header: Header, sop_class: str, transfer_syntax: str) -> str | None:
    """Judge one object.

    Classes whose IOD has no pixels, private and unknown ones always pass.

    Args:
        header: What `read_header` found.
        sop_class: The UID of the class, as the command set has it.
        transfer_syntax: The UID under which the dataset was received.

    Returns:
        None if the object may travel; else one sentence that says what is missing.
    """
    if not (is_image(sop_class) or sop_class == RT_DOSE):
        return None
    if header.pixels is None:
        return _without_element(header, sop_class, transfer_syntax)
    if header.pixels.declared is None:
        return _judge_fragments(header, header.pixels, transfer_syntax)
    return _judge_length(header, header.pixels, header.pixels.declared, transfer_syntax)


def _without_element(header: Header, sop_class: str, transfer_syntax: str) -> str | None:
    name = sop_class_name(sop_class)
    if header.problem:
        return f"{name} with no pixel data before its dataset breaks off: {header.problem}."
    if header.provider_url:
        if transfer_syntax in JPIP_SYNTAXES:
            return None
        return (
            f"{name} with a PixelDataProviderURL in place of pixel data, which only a JPIP referenced transfer "
            f"syntax allows (PS3.5 A.6); it came as {transfer_syntax}."
        )
    if sop_class == RT_DOSE:
        return _dose_without_element(header)
    return f"{name} without pixel data, which this class must have (PS3.3 C.7.6.3)."


def _dose_without_element(header: Header) -> str | None:
    if header.has_dose_grid or header.rows is not None or header.columns is not None:
        return "RT Dose Storage with a dose grid but no pixel data for it (PS3.3 A.18.3, C.8.8.3)."
    if not header.has_dvh:
        return "RT Dose Storage with neither pixel data nor a DVH sequence (PS3.3 A.18.3)."
    return None


def _judge_length(header: Header, pixels: Pixels, declared: int, transfer_syntax: str) -> str | None:
    """Judge a pixel element of defined length, which is native whatever the transfer syntax (PS3.5 A.4)."""
    if declared == 0:
        return f"{pixels.keyword} is empty (PS3.3 C.7.6.3)."
    if pixels.present < declared:
        return f"{pixels.keyword} is cut short: {declared} bytes declared, {pixels.present} received (PS3.5 7.1)."
    demanded = _demanded_bytes(header, pixels)
    if declared >= demanded or not _is_standard(transfer_syntax):
        return None
    reason = (
        f"{pixels.keyword} holds {declared} bytes where rows, columns, samples, bits allocated and frames demand "
        f"{demanded} (PS3.5 8.1.1, 8.2)"
    )
    if transfer_syntax not in NATIVE_SYNTAXES:
        reason += f", and it is not encapsulated as {transfer_syntax} requires (PS3.5 A.4)"
    return f"{reason}."


def _judge_fragments(header: Header, pixels: Pixels, transfer_syntax: str) -> str | None:
    """Judge a pixel element of undefined length, whose value comes in fragments (PS3.5 A.4)."""
    if header.problem:
        return f"{pixels.keyword} breaks off: {header.problem} (PS3.5 A.4)."
    if pixels.fragments == 0:
        return f"{pixels.keyword} has no fragment with data after its offset table (PS3.5 A.4)."
    one_holds_many = _MANY_FRAMES_A_FRAGMENT.fullmatch(transfer_syntax) or not _is_standard(transfer_syntax)
    if pixels.fragments < header.frames and not one_holds_many:
        return (
            f"{pixels.keyword} has {pixels.fragments} fragments with data for {header.frames} frames; "
            "each frame needs at least one (PS3.5 A.4)."
        )
    return None


def _demanded_bytes(header: Header, pixels: Pixels) -> int:
    """Return how long native pixel data must be at least; 0 where an attribute to compute it is missing."""
    bits = _FLOAT_BITS.get(pixels.keyword, header.bits_allocated)
    if header.rows is None or header.columns is None or bits is None:
        return 0
    samples = 1 if header.samples is None else header.samples
    half_samples = _SUBSAMPLED.get(header.photometric.strip(), 2 * samples)
    # Frames of one bit follow each other without padding: the total is rounded up, not each frame.
    half_bits = header.rows * header.columns * half_samples * bits * header.frames
    return -(-half_bits // 16)


def _is_standard(transfer_syntax: str) -> bool:
    """Tell a syntax of the standard from a private one, whose pixels follow rules that nobody knows."""
    return transfer_syntax in NATIVE_SYNTAXES or transfer_syntax.startswith("1.2.840.10008.")
