"""Stand-ins that speak a real protocol: servers for the code under test to talk to."""
