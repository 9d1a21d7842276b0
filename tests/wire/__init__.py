"""On the embedded broker: records really sent and read back."""
