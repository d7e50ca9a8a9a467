"""run-synthetic: one model on several training sets, to see whether synthetic images help it."""
