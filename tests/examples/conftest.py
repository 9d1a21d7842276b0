"""What is in this directory but isn't a test of ours."""

#: A project of its own, which `test_outsider.py` copies and runs.
collect_ignore = ["outsider"]
