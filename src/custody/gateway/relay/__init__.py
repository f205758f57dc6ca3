"""The stage in which commands flow, and what stands in line while they do."""
