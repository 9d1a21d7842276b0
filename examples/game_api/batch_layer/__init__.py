"""The batch layer: purchases per player and minute, counted by Apache Spark over everything that is on the topic.

`spark_job.py` runs in an environment of Spark's own, which `environment.py` makes; nothing else here needs it.
"""
