"""All network access: OSS, OMS, and what their calls have in common."""
