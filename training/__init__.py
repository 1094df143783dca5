"""What is learned once, at development time, and shipped small: see `tune_encoder`."""
