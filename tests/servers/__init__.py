"""Under real WSGI servers: forks, signals, exits."""
