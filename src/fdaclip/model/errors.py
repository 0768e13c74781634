"""What can go wrong with a model, each as one clear line."""


class ModelError(Exception):
    """Base of this room's errors."""


class ModelNotFound(ModelError):
    """The model is not on this machine; the message says what it is and how to get it."""


class BadCheckpoint(ModelError):
    """A model's files are damaged, incomplete, or hold other weights than its config says."""


class UnsupportedModel(ModelError):
    """A model whose architecture, tokenizer or preprocessing cannot be run here."""


class NeedsOneVector(ModelError):
    """One vector a clip was asked of a model whose head keeps frames and words apart."""
