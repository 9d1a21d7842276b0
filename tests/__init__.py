"""The tests, in rings by directory: see `tests/rings.py`."""
