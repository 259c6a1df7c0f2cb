"""What happens over time: sessions, runs, the registry of definitions. Start with ``session.py``."""
