"""The commands of the JSON-lines doors, one in each module."""
