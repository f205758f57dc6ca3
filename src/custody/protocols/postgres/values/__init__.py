"""Bind values, result cells and COPY data, read within bounds."""
