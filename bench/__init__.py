"""The benchmark: dicomrs, DCMTK, Orthanc and the machine itself at the same work, in turn. `make bench` runs it."""
