"""The same events through every layer, and whether they come to the same totals: `python -m tests.examples.same_totals`."""
