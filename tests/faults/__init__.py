"""What becomes of events when brokers, networks and workers fail: counted on three real brokers."""
