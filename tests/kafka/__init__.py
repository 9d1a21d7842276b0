"""On Apache Kafka itself."""
