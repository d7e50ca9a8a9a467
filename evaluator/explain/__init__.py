"""What explains a score: ceilings, thresholds, foreground and splitting, agreement, rules."""
