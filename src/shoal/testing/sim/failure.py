"""Why a seed fails. None of these is the product's business: code under test never catches them."""


class SimulationFailed(Exception):
    """The run is over: the product, or the simulator, broke a rule."""


class Deadlock(SimulationFailed):
    """Nothing is ready and no timer is set, but the run is not over."""


class Livelock(SimulationFailed):
    """Steps without end at one instant."""


class TimeLimitReached(SimulationFailed):
    """The virtual time given to the run is used up."""


class EscapedSimulation(SimulationFailed):
    """Code reached for the real world: a socket, thread, clock or the system's randomness."""


class UnhandledFailure(SimulationFailed):
    """An exception that nobody took: of a task, a callback, a finaliser, or a coroutine never awaited."""
