"""From overlap tables to rows of scores: protocols, folders, re-scoring, strata, summaries."""
