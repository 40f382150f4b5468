"""The `dicomrs` command. The only package that may import the services."""
