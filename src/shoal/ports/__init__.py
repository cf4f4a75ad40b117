"""F2: what roles ask of hands. Protocols only; each docstring is a contract that a suite runs on every hand."""
