"""What every simulator shares: the folder that it writes, the oracle that it reports, the table that calibrates it.

A simulator is a module ``simulator/simulate.py`` of its competition (``competitions/template`` has the smallest one):

- ``simulate(out, scale, seed)`` calls ``writer.check_request``, draws, and hands ``writer.write_simulation`` a function
  that writes the host's files and the truth. That function returns the rows of each file and an ``oracle.Oracle``.
- ``oracle.summarise`` makes the oracle from what the best answers earn, query by query.
- ``describe(folder)``, in ``simulator/calibration.py``, calls ``calibration.calibrate`` with frames of the files, what
  is measured of each, and the published values, as news does. It goes into ``competition.py`` once there are any.

``tests/unit/common/simulation/test_simulators.py`` asks all of them for the same things; a new one is a line there.
"""
