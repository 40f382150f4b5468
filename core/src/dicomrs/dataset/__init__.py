"""The header of one received dataset, and whether an image object has its pixels."""

from dicomrs.dataset.header import Header, Pixels, read_header
from dicomrs.dataset.pixels import missing_pixels
from dicomrs.dataset.sop_classes import is_image, is_storage, sop_class_name

__all__ = ["Header", "Pixels", "is_image", "is_storage", "missing_pixels", "read_header", "sop_class_name"]
