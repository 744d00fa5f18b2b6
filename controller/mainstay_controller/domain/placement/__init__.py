"""Where guests may go: a pure planner over a snapshot, which explains every host it did not choose."""
