"""Where raw files come from: the host, a simulator, a public data set. The last two leave a file that says so."""

REPORT = "simulation.json"  # written last: a folder that has it is a finished simulation
MARKER = "standin.json"  # written last: a folder that has it is ours to replace
