"""Programs that are copied into images for other platforms; they import `contract` alone."""
