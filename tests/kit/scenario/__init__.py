"""Stories of whole clouds, as folders that an operator can read and write: what stands there, what is done when, and what must be told.

`python -m tests.kit.scenario NAME` plays one and prints it as a timeline; docs are in tests/scenarios/README.md."""
