"""F7: the simulator, verified fakes and contract suites; runs the same roles as production."""
