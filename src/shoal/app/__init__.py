"""F8: command line, configuration, process life."""
