"""The spool: one file is one object, the study folders are the queue, the receipts are the only other state.

Arrival is inbox.py, departure is outbox.py; every other module is a part of one of them or of both. No network here.
"""
