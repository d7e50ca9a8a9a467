"""What scores over images can settle: intervals, paired comparisons, ranks, power, seeds."""
