"""All network access: OSS, OMS, and what their calls share. May import the top-level modules, but no other package."""
