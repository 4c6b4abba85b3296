"""What a failed installation's log says, in the user's words: ``explain(text)``."""

from .explain import explain

__all__ = ["explain"]
