"""The controller: notices failures, obtains proof, restarts guests elsewhere, and can say why."""
