"""The part of the library that trains: the only place that imports torch."""
