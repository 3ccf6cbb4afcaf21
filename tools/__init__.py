"""Builds the registry package, and renders a project without the Serverless Devs tool."""
