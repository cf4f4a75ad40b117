"""What a coordinator answers: one class per concern, one method per route."""
