"""Pure decisions and the nouns they are about: no clock, no await, no I/O."""
