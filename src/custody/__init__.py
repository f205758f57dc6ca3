"""Custody: a forensic access gateway for AI agent loops."""

__version__ = "0.1.0"
