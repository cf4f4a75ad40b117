"""F1: nouns. Immutable values without behaviour beyond what follows from their fields."""
