"""One metric a file, from counts, a match, a table or outline distances; none reads pixels."""
