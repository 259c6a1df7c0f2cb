"""The version, below every floor, so that each may say it."""

__version__ = "0.1.0"
