"""What an answer says, as blocks; how they look is up to `ops.show`."""
