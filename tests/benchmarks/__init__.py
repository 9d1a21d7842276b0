"""Ring `benchmarks`: the figures' own checks; none of them looks at a clock."""
