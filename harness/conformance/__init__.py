"""The conformance kit: is a model sound? Small checks, carried out through the runners."""
