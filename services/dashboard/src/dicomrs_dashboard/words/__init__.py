"""What codes mean, for people: texts that the catalogues translate."""
