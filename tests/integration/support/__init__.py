"""What the tests of the whole daemon share: a bus, a simulated host, a store, the daemon, and calls on it."""
