"""Ring `long`: the example programs on the engines that they need, for minutes: `make long`, not a part of `make test`."""
