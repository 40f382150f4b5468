"""Every file in pydicom's package that carries a storage object: raw sender, router, raw tap; the same bytes."""

import hashlib
import re
from dataclasses import dataclass
from itertools import groupby

import pytest

from dicomrs_wire.requestor import StoreReply
from support.objects import EXPLICIT, IMPLICIT, Instance, from_file, package_files
from support.router import destination, route
from support.sender import association, store
from support.spool_view import QUARANTINE
from support.tap import Tap

BIG_ENDIAN = "1.2.840.10008.1.2.2"
WITHOUT_META = {
    "test_files/ExplVR_BigEndNoMeta.dcm": BIG_ENDIAN,
    "test_files/ExplVR_LitEndNoMeta.dcm": EXPLICIT,
    "test_files/rtstruct.dcm": IMPLICIT,
}
NOT_AN_OBJECT = {
    "test_files/dicomdirtests/TINY_ALPHA/README": "a text",
    "test_files/empty_charset_LEI.dcm": "it names no SOP class",
    "test_files/meta_missing_tsyntax.dcm": "it names no SOP class",
    "test_files/nested_priv_SQ.dcm": "it names no SOP class",
    "test_files/no_meta.dcm": "it names no SOP class",
}
# Media Storage Directory (1.2.840.10008.1.3.10): on media only, C-STORE does not carry it.
DIRECTORIES = {
    "test_files/dicomdirtests/DICOMDIR",
    "test_files/dicomdirtests/DICOMDIR-bigEnd",
    "test_files/dicomdirtests/DICOMDIR-empty.dcm",
    "test_files/dicomdirtests/DICOMDIR-implicit",
    "test_files/dicomdirtests/DICOMDIR-nooffset",
    "test_files/dicomdirtests/DICOMDIR-nopatient",
    "test_files/dicomdirtests/DICOMDIR-reordered",
    "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR",
}
NO_STUDY = "it has no Study Instance UID"
REFUSED = {  # C000, and why
    "charset_files/chrSQEncoding.dcm": NO_STUDY,
    "charset_files/chrSQEncoding1.dcm": NO_STUDY,
    "test_files/JPEGLSNearLossless_08.dcm": NO_STUDY,
    "test_files/JPEGLSNearLossless_16.dcm": NO_STUDY,
    "test_files/SC_rgb_jls_lossy_line.dcm": NO_STUDY,
    "test_files/SC_rgb_jls_lossy_sample.dcm": NO_STUDY,
    "test_files/UN_sequence.dcm": NO_STUDY,
    "test_files/no_meta_group_length.dcm": NO_STUDY,
    "test_files/priv_SQ.dcm": NO_STUDY,
}
QUARANTINED = {
    "charset_files/chrJapMulti.dcm": "Computed Radiography Image Storage without pixel data",
    "charset_files/chrJapMultiExplicitIR6.dcm": "Computed Radiography Image Storage without pixel data",
    "charset_files/chrKoreanMulti.dcm": "Computed Radiography Image Storage without pixel data",
    "test_files/MR_truncated.dcm": "PixelData is cut short: 8192 bytes declared, 8130 received",
}
TAKEN_OUT = "CT Image Storage without pixel data"  # of the slices under dicomdirtests, IM0000xx
# Files that claim to be the same object, in the order in which they are sent.
SHARED_UIDS = [
    [
        "test_files/ExplVR_BigEndNoMeta.dcm",
        "test_files/ExplVR_LitEndNoMeta.dcm",
    ],
    [
        "test_files/JPEG-lossy.dcm",
        "test_files/JPGExtended.dcm",
    ],
    [
        "test_files/JPEG2000-embedded-sequence-delimiter.dcm",
        "test_files/JPEG2000.dcm",
    ],
    [
        "test_files/MR_small.dcm",
        "test_files/MR_small_RLE.dcm",
        "test_files/MR_small_bigendian.dcm",
        "test_files/MR_small_expb.dcm",
        "test_files/MR_small_implicit.dcm",
        "test_files/MR_small_jp2klossless.dcm",
        "test_files/MR_small_jpeg_ls_lossless.dcm",
        "test_files/MR_small_padded.dcm",
        "test_files/MR_truncated.dcm",
    ],
    [
        "test_files/SC_jpeg_no_color_transform_2.dcm",
        "test_files/SC_rgb_jpeg_app14_dcmd.dcm",
    ],
    [
        "test_files/SC_rgb_dcmtk_+eb+cy+n2.dcm",
        "test_files/SC_ybr_full_422_uncompressed.dcm",
    ],
    [
        "test_files/SC_rgb_jpeg.dcm",
        "test_files/SC_rgb_jpeg_dcmd.dcm",
    ],
    [
        "test_files/SC_rgb_jpeg_gdcm.dcm",
        "test_files/SC_rgb_rle.dcm",
        "test_files/SC_rgb_rle_16bit.dcm",
        "test_files/SC_rgb_rle_16bit_2frame.dcm",
        "test_files/SC_rgb_rle_2frame.dcm",
        "test_files/SC_rgb_rle_32bit.dcm",
        "test_files/SC_rgb_rle_32bit_2frame.dcm",
    ],
    [
        "test_files/SC_rgb_small_odd.dcm",
        "test_files/SC_rgb_small_odd_big_endian.dcm",
    ],
    [
        "test_files/badVR.dcm",
        "test_files/rtdose.dcm",
        "test_files/rtdose_1frame.dcm",
        "test_files/rtdose_expb.dcm",
        "test_files/rtdose_expb_1frame.dcm",
        "test_files/rtdose_rle.dcm",
        "test_files/rtdose_rle_1frame.dcm",
    ],
    [
        "test_files/liver_1frame.dcm",
        "test_files/liver_expb_1frame.dcm",
    ],
    [
        "test_files/reportsi.dcm",
        "test_files/reportsi_with_empty_number_tags.dcm",
    ],
    [
        "test_files/rtplan.dcm",
        "test_files/rtplan_truncated.dcm",
    ],
    [
        "charset_files/chrFren.dcm",
        "charset_files/chrFrenMulti.dcm",
    ],
    [
        "charset_files/chrJapMulti.dcm",
        "charset_files/chrJapMultiExplicitIR6.dcm",
    ],
    [
        "charset_files/chrSQEncoding.dcm",
        "charset_files/chrSQEncoding1.dcm",
    ],
]


@dataclass(frozen=True)
class Passage:
    """What was sent, what was answered, and where it all went."""

    sent: dict[str, Instance]
    replies: dict[str, StoreReply]
    tap: Tap
    quarantine: list[tuple[str, str]]
    port: int


@pytest.fixture(scope="module")
def objects() -> dict[str, Instance]:
    found = {name: from_file(path, WITHOUT_META.get(name)) for name, path in package_files().items()}
    return {name: one for name, one in found.items() if one is not None}


@pytest.fixture(scope="module")
def passage(objects, tmp_path_factory, make_shared_router, shared_tap) -> Passage:
    """Everything is sent before the target listens, so that what shares a UID waits together."""
    shared_tap.stop()
    router = make_shared_router(route(tmp_path_factory.mktemp("root"), destination("tap", shared_tap.port)))
    sent = {name: one for name, one in objects.items() if name not in DIRECTORIES}
    with association(router.port(), sent.values()) as requestor:
        replies = {name: store(requestor, one) for name, one in sent.items()}
    shared_tap.start()
    router.spool().wait_empty()
    return Passage(sent, replies, shared_tap, router.spool().kept_aside(QUARANTINE), router.port())


def reason_to_quarantine(name: str) -> str | None:
    return QUARANTINED.get(name, TAKEN_OUT if "/IM0000" in name else None)


def fingerprint(one: Instance) -> tuple[str, str, str]:
    return one.sop_class, one.transfer_syntax, hashlib.sha256(one.dataset).hexdigest()


def of_one_uid(sent: dict[str, Instance]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, one in sent.items():
        names.setdefault(one.uid, []).append(name)
    return names


def test_what_is_not_sent_is_known_by_name(objects):
    assert set(package_files()) - set(objects) == set(NOT_AN_OBJECT)


def test_a_media_directory_is_not_negotiated(passage, objects):
    directories = [objects[name] for name in DIRECTORIES]
    with association(passage.port, directories) as requestor:
        assert not any(requestor.accepted(one.sop_class, one.transfer_syntax) for one in directories)


def test_everything_is_acknowledged_but_what_has_no_study(passage):
    refused = {name: reply for name, reply in passage.replies.items() if reply.status != 0x0000}
    assert {name: reply.status for name, reply in refused.items()} == dict.fromkeys(REFUSED, 0xC000)
    for name, reason in REFUSED.items():
        assert reason in refused[name].comment


def test_images_without_their_pixels_are_quarantined_and_say_why(passage):
    expected = [(passage.sent[name].uid, reason) for name in passage.sent if (reason := reason_to_quarantine(name))]
    assert len(expected) == 54
    # Of one name there may be several: <UID>.dcm, <UID>_2.dcm
    found = [(re.sub(r"(_\d+)?\.dcm$", "", name), reason) for name, reason in passage.quarantine]
    assert sorted(uid for uid, _ in found) == sorted(uid for uid, _ in expected)
    for (_, reason), (uid, beginning) in zip(sorted(found), sorted(expected), strict=True):
        assert reason.startswith(beginning), uid


def test_files_that_share_a_uid_are_known_by_name(passage):
    assert [names for names in of_one_uid(passage.sent).values() if len(names) > 1] == SHARED_UIDS


def test_every_other_file_arrives_with_the_same_bytes_in_order(passage):
    expected = {}
    for uid, names in of_one_uid(passage.sent).items():
        travelling = [passage.sent[name] for name in names if name not in REFUSED and not reason_to_quarantine(name)]
        # The same bytes again, while the first still waits, are the same arrival.
        expected[uid] = [fingerprint(one) for one, _ in groupby(travelling)]
    found = {uid: [fingerprint(one) for one in copies] for uid, copies in passage.tap.by_uid().items()}
    assert found == {uid: copies for uid, copies in expected.items() if copies}


def test_the_files_cover_many_kinds(passage):
    assert len({one.transfer_syntax for one in passage.tap.stored}) == 11
    assert len({one.sop_class for one in passage.tap.stored}) >= 13
