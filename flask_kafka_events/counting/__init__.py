"""The counters of every process of an app, in small files that one command adds up."""
