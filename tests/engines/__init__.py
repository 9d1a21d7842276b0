"""Ring `engines`: the example programs on Kafka, Spark and PostgreSQL: `make engines`."""
