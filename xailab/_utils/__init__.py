"""What several subjects need and no lesson is about."""
