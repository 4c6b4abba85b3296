"""Settings: declared once in ``settings.py``, read from four places in ``sources.py``, checked in ``checks.py``."""
