"""The operator: ClinicRoutes on a cluster become what the services are told, and say how they fare."""
