"""From a record to the broker's acknowledgement: one producer a process, whatever becomes of the broker."""
