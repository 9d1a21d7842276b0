"""Ring `long`: the example programs for minutes: a browser, a crowd, the README's story: `make long`."""
